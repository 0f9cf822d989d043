"""SQLite files that hold what could be computed again: a damaged one is thrown away, and everything is computed anew."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rag.errors import IndexError_


def open_cache(file: Path, schema: str) -> sqlite3.Connection:
    """Opens or makes `file`, with a write-ahead log: what was committed survives a kill.

    `schema`: statements that create what is not there, and look into it. Raises IndexError_ when the file cannot be opened.
    """
    try:
        return _open(file, schema)
    except sqlite3.DatabaseError as exc:
        if isinstance(exc, sqlite3.OperationalError) and "malformed" not in str(exc):
            raise IndexError_(f"Cannot open {file} ({exc}).", "Is the disk full or read-only?") from exc
    for suffix in ("", "-wal", "-shm"):
        Path(f"{file}{suffix}").unlink(missing_ok=True)
    return _open(file, schema)


@contextmanager
def full_disk_told(file: Path) -> Iterator[None]:
    """A write that SQLite refuses becomes one line. Raises IndexError_."""
    try:
        yield
    except sqlite3.OperationalError as exc:
        raise IndexError_(f"Cannot write {file} ({exc}).", "Free some space and build again: what was done so far is kept.") from exc


def _open(file: Path, schema: str) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=30)
    try:
        connection.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;" + schema)
    except BaseException:
        connection.close()
        raise
    return connection
