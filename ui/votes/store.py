"""Votes in <home>/atlas.db. What `keep` has returned from survives a kill at any moment; many processes may write at once."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rag.errors import UserError
from ui.votes.record import Record, from_json, to_json

FILE = "atlas.db"
VERSION = 1
PATIENCE = 30.0
"""Seconds to wait for another writer."""
TABLES = (
    "CREATE TABLE IF NOT EXISTS parts (name TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS votes (id TEXT PRIMARY KEY, asked REAL NOT NULL, kept REAL NOT NULL, question TEXT NOT NULL,"
    " choice TEXT NOT NULL, record TEXT NOT NULL) STRICT",
    f"INSERT OR IGNORE INTO parts VALUES ('votes', {VERSION})",
)


class Votes:
    """The votes of a home. A connection an operation: any thread may ask."""

    def __init__(self, home: Path) -> None:
        self.path = home / FILE

    def keep(self, record: Record) -> None:
        """Write it, over what was kept of this turn before. Raises UserError when the file cannot be used."""
        row = (record.id, record.at, time.time(), record.question, record.choice, json.dumps(to_json(record), ensure_ascii=False))
        with self._open("IMMEDIATE") as db:
            if self._version(db) is None:
                for statement in TABLES:
                    db.execute(statement)
            db.execute(
                "INSERT INTO votes VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE"
                " SET kept = excluded.kept, choice = excluded.choice, record = excluded.record",
                row,
            )

    def all(self) -> list[Record]:
        """Oldest first. Raises UserError when the file cannot be used."""
        return [self._record(*row) for row in self._read("SELECT id, record FROM votes ORDER BY asked, id")]

    def count(self) -> int:
        """Votes given, without turns that have only thumbs or corrections."""
        return sum(int(row[0]) for row in self._read("SELECT count(*) FROM votes WHERE choice <> ''"))

    def any(self) -> bool:
        """Whether anything was kept."""
        return bool(self._read("SELECT 1 FROM votes LIMIT 1"))

    def _read(self, query: str) -> list[tuple[int | str, ...]]:
        if not self.path.is_file():
            return []
        with self._open("DEFERRED") as db:
            return db.execute(query).fetchall() if self._version(db) is not None else []

    def _record(self, name: int | str, text: int | str) -> Record:
        try:
            return from_json(json.loads(str(text)))
        except (ValueError, KeyError, TypeError) as exc:
            raise UserError(f"The vote {name} in {self.path} cannot be read ({exc}).", "Was it written by another version?") from exc

    @contextmanager
    def _open(self, kind: str) -> Iterator[sqlite3.Connection]:
        """A transaction: committed, with its log on the disk, when the block ends without an error."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            db = sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None)
            try:
                _write_ahead(db)
                db.execute("PRAGMA synchronous = FULL")
                db.execute(f"BEGIN {kind}")
                yield db
                db.execute("COMMIT")
            finally:
                db.close()  # an open transaction is rolled back
        except (sqlite3.Error, OSError) as exc:
            raise UserError(f"{self.path} cannot be used ({exc}).", "Check its folder, or move the file away: a new one is made.") from exc

    def _version(self, db: sqlite3.Connection) -> int | None:
        """Of the votes in it; None: it holds none yet. Raises UserError for another format."""
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'parts'").fetchone():
            return None
        found = db.execute("SELECT version FROM parts WHERE name = 'votes'").fetchone()
        if found is not None and found[0] != VERSION:
            what = f"The votes in {self.path} have format {found[0]}, and this Atlas knows {VERSION}."
            raise UserError(what, "Use the Atlas that wrote them.")
        return found[0] if found else None


def _write_ahead(db: sqlite3.Connection) -> None:
    """The switch, made once in a file's life, does not wait for other connections by itself."""
    ends = time.monotonic() + PATIENCE
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as exc:
            if "locked" not in str(exc) or time.monotonic() > ends:
                raise
            time.sleep(0.02)
