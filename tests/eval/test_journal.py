"""The journal: reads what it wrote, forgets a torn line, and loses nothing to kill -9."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval import journal, runs
from eval.journal import Frozen, Journal, decode, encode
from eval.types import Failure, Passage, Reply
from rag.errors import InputError
from rag.settings import Settings
from rag.types import Chunk, Context, Evidence, Hit, Source
from tests.eval.conftest import ROWS

ROOT = Path(__file__).parents[2]
LATENCIES = ("latency", "second", "first_token", "total")

words = st.text(max_size=30)
passages = st.builds(Passage, st.integers(1, 9), words, st.integers(0, 99), st.integers(0, 99), words, st.integers(0, 99))
replies = st.builds(
    Reply,
    words,
    words,
    words,
    refused=st.booleans(),
    cited=st.lists(st.tuples(words, words), max_size=2).map(tuple),
    passages=st.lists(passages, max_size=2).map(tuple),
    total=st.floats(0, 1e6),
    identity=st.dictionaries(words, words, max_size=2),
)
chunks = st.builds(Chunk, words, words, st.integers(0, 99), st.integers(0, 99), words, page=st.none() | st.integers(1, 9))
hits = st.builds(Hit, chunks, st.floats(-1, 1), dense=st.none() | st.floats(-1, 1))
sources = st.builds(
    Source, st.integers(1, 9), st.lists(hits, max_size=2).map(tuple), words, words, st.integers(0, 9), st.integers(0, 9), words
)
evidence = st.builds(Evidence, st.floats(0, 1), st.floats(0, 1), st.dictionaries(words, st.floats(-9, 9), max_size=2))
contexts = st.builds(
    Context,
    words,
    words,
    st.lists(sources, max_size=2).map(tuple),
    st.lists(st.tuples(hits, words), max_size=2).map(tuple),
    evidence,
    seconds=st.floats(0, 9),
)


@given(st.one_of(replies, st.builds(Failure, words, words, words), st.builds(Frozen, words, contexts)))
def test_what_is_read_is_what_was_written(entry: journal.Entry) -> None:
    line = encode(entry)
    assert line.count(b"\n") == 1 and line.endswith(b"\n")
    assert decode(line) == entry


def test_half_a_character_does_not_stop_a_run() -> None:
    assert decode(encode(Reply("a", "rag", "odd \ud800 word"))) == Reply("a", "rag", "odd ? word")


def test_a_torn_line_is_forgotten_wherever_it_was_torn_and_the_next_one_stands_alone(tmp_path: Path) -> None:
    file = tmp_path / "replies.jsonl"
    torn = encode(Reply("b", "rag", "второй ответ"))
    for cut in range(1, len(torn), 7):
        file.write_bytes(encode(Reply("a", "rag", "first")) + torn[:-cut])
        assert journal.read(file) == [Reply("a", "rag", "first")]
        with Journal(file) as lines:
            lines.append(Reply("c", "rag", "third"))
        assert journal.read(file) == [Reply("a", "rag", "first"), Reply("c", "rag", "third")]


@pytest.mark.parametrize("line", ["{}", "[]", "not json", '{"reply": {"case": "a"}}', '{"unknown": {}}'])
def test_another_damaged_line_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / "replies.jsonl"
    file.write_bytes(encode(Failure("a", "rag", "x")) + line.encode() + b"\n")
    with pytest.raises(InputError, match=r"replies\.jsonl:2: damaged"):
        journal.read(file)


class Evaluator:
    """The process that forks slow evaluations, and the one that runs now."""

    def __init__(self, settings: Settings, qa: Path) -> None:
        stored = settings.home / "settings.json"
        stored.write_text(settings.model_dump_json(), encoding="utf-8")
        command = [sys.executable, "-m", "tests.eval.slow_run", str(stored), str(qa)]
        alone = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # threads of a library do not outlive a fork
        pipe = subprocess.PIPE
        self.server = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, bufsize=1, cwd=ROOT, env=alone)
        self.seconds = float(self.until("asked"))

    def say(self, word: str, answer: str) -> str:
        assert self.server.stdin
        self.server.stdin.write(f"{word}\n")
        return self.until(answer)

    def until(self, word: str) -> str:
        """What stands behind the next such word; others belong to a child that was killed."""
        assert self.server.stdout
        for line in self.server.stdout:
            if line.startswith(word):
                return line.split()[1]
        raise AssertionError("the evaluator died")

    def undisturbed(self) -> None:
        self.say("run", "pid")
        assert self.say("reap", "ended") == "0"

    def killed_after(self, share: float) -> bool:
        """Killed while it retrieves (a share under 0.2) or while it asks; whether it had not ended by itself before."""
        pid = self.say("run", "pid")
        if share >= 0.2:
            assert self.until("begun") == pid
        time.sleep(share * self.seconds)
        os.kill(int(pid), signal.SIGKILL)
        return self.say("reap", "ended") == str(signal.SIGKILL.value)

    def end(self) -> None:
        assert self.server.stdin
        self.server.stdin.close()
        self.server.wait(timeout=60)


def scores_of(folder: Path) -> list[dict[str, Any]]:
    """Without the seconds, which are never twice the same."""
    rows = [json.loads(line) for line in (folder / runs.SCORES).read_text(encoding="utf-8").splitlines()]
    for row in rows:
        row["values"] = {name: value for name, value in row["values"].items() if not any(word in name for word in LATENCIES)}
    return rows


def kill_and_resume(settings: Settings, qa: Path, *, kills: int, seed: int) -> None:
    """Killed so often at random moments, the run ends as if it had not been."""
    dice = random.Random(seed)
    evaluator = Evaluator(settings, qa)
    try:
        undisturbed, *_ = runs.everything(settings)
        while kills > 0:
            kills -= evaluator.killed_after(dice.random())
        evaluator.undisturbed()
    finally:
        evaluator.end()
    disturbed = [folder for folder in runs.everything(settings) if runs.finished(folder) and folder != undisturbed]
    assert all(runs.finished(folder) for folder in runs.everything(settings))
    for folder in disturbed:
        entries = journal.read(folder / runs.REPLIES)
        asked = Counter((entry.case, entry.arm) for entry in entries if isinstance(entry, Reply))
        assert set(asked.values()) == {1} and len(entries) == len(asked)
        frozen = Counter(entry.case for entry in journal.read(folder / runs.CONTEXTS) if isinstance(entry, Frozen))
        assert frozen == Counter(row["id"] for row in ROWS)
        assert scores_of(folder) == scores_of(undisturbed)
        one, other = runs.load(folder), runs.load(undisturbed)
        assert (one.contrasts, one.lost, one.curves) == (other.contrasts, other.lost, other.curves)
    assert disturbed


@pytest.mark.slow
def test_five_kills_at_random_moments_lose_and_repeat_nothing(indexed: Settings, qa: Path) -> None:
    kill_and_resume(indexed, qa, kills=5, seed=1)


@pytest.mark.slow
def test_twenty_kills_at_random_moments_lose_and_repeat_nothing(indexed: Settings, qa: Path) -> None:
    kill_and_resume(indexed, qa, kills=20, seed=2)
