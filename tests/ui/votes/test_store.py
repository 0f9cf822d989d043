"""Votes on the disk."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from rag.errors import UserError
from tests.ui.votes.cast import cast, judged
from ui.votes.store import Votes

WRITER = """
import sys
from pathlib import Path
from tests.ui.votes.cast import cast, judged
from ui.votes.store import Votes
votes = Votes(Path(sys.argv[1]))
for number in range(100_000):
    votes.keep(cast(number, [judged("icl"), judged("rag")], "A"))
    print(number, flush=True)
"""


def test_what_was_kept_comes_back_as_it_was(tmp_path: Path) -> None:
    votes = Votes(tmp_path / "new" / "home")
    fixed = judged("rag+lora", adapter="mine", thumb=-1, correction="It is not.")
    records = [
        cast(1, [judged("icl", "a\u2028b\x00"), fixed, judged("rag", "", state="failed")], "B"),
        cast(2, [judged("rag", thumb=1)]),
    ]
    for record in reversed(records):
        votes.keep(record)
    assert votes.all() == records
    assert votes.count() == 1 and votes.any()


def test_a_turn_is_kept_once_with_what_was_said_last(tmp_path: Path) -> None:
    votes = Votes(tmp_path)
    record = cast(1, [judged("icl"), judged("rag")])
    votes.keep(record)
    votes.keep(replace(record, choice="tie"))
    assert votes.all() == [replace(record, choice="tie")]


def test_nothing_is_made_by_reading(tmp_path: Path) -> None:
    assert Votes(tmp_path / "none").all() == [] and not Votes(tmp_path / "none").any()
    assert list(tmp_path.iterdir()) == []


def test_a_kill_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    for _ in range(3):
        command = [sys.executable, "-c", WRITER, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            said = [int(writer.stdout.readline()) for _ in range(20)]
            writer.send_signal(signal.SIGKILL)
            said += [int(line) for line in writer.stdout.read().split()]
        kept = {record.id for record in Votes(tmp_path).all()}
        assert {f"id{number}" for number in said} <= kept
    with sqlite3.connect(tmp_path / "atlas.db") as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_many_sessions_write_at_once(tmp_path: Path) -> None:
    def write(start: int) -> None:
        for number in range(start, start + 10):
            Votes(tmp_path).keep(cast(number, [judged("icl")]))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(0, 80, 10)))
    assert len(Votes(tmp_path).all()) == 80


def test_another_format_and_a_damaged_file_are_said_and_left_alone(tmp_path: Path) -> None:
    votes = Votes(tmp_path)
    votes.keep(cast(1, [judged("icl")]))
    with sqlite3.connect(votes.path) as db:
        db.execute("UPDATE parts SET version = 99 WHERE name = 'votes'")
    with pytest.raises(UserError, match="format 99"):
        votes.keep(cast(2, [judged("icl")]))
    other = Votes(tmp_path / "other")
    other.path.parent.mkdir()
    other.path.write_bytes(b"not a database, but long enough to look at" + os.urandom(4096))
    with pytest.raises(UserError, match=r"atlas\.db"):
        other.all()


def test_another_part_of_atlas_may_use_the_file(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "atlas.db") as db:
        db.execute("CREATE TABLE parts (name TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT")
        db.execute("INSERT INTO parts VALUES ('chats', 7)")
    votes = Votes(tmp_path)
    assert votes.all() == []
    votes.keep(cast(1, [judged("icl")]))
    assert votes.count() == 0 and len(votes.all()) == 1
