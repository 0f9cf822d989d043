"""readings.db: what was read from each file, so that the next build reads only the files that changed since."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Self

from rag.cache_file import full_disk_told, open_cache
from rag.ingest.extract import Extract

SCHEMA = """
CREATE TABLE IF NOT EXISTS readings (
    path TEXT PRIMARY KEY, maker TEXT NOT NULL, stamp TEXT NOT NULL, digest BLOB NOT NULL, found TEXT NOT NULL
);
SELECT path FROM readings LIMIT 1;
"""
SETTLED = 2.0
"""Seconds after which a file's times tell of every later change; some disks count in steps of that size."""
PARSERS = ("llama-index-readers-file", "pypdf", "beautifulsoup4", "charset-normalizer", "lingua-language-detector")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file holds. `languages`: what the words of each extract look like by themselves (`language.guess_all`), "" where
    the file states its language; `problems`: its rows that cannot be used, one line each."""

    extracts: tuple[Extract, ...]
    languages: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """How a file looks from outside (`stamp`, "" while it is too fresh to rely on), and the sha256 of its content."""

    stamp: str
    digest: bytes = b""


class Readings:
    """A table path -> reading. A file is taken as unchanged when size, inode and times are the same, or else its content is."""

    def __init__(self, file: Path | None = None, *, maker: str = "") -> None:
        """`file` None: in memory, for one reading of a folder. What another `maker` (the reading code and its settings) read
        does not count. Raises IndexError_ when the file cannot be opened; a damaged one is thrown away."""
        self._file = file or Path(":memory:")
        self._connection = open_cache(file, SCHEMA) if file else _in_memory()
        self._maker = f"{maker} {_parsers()}"
        rows = self._connection.execute("SELECT path, stamp, digest FROM readings WHERE maker = ?", (self._maker,))
        self._seen = {path: Seen(stamp, digest) for path, stamp, digest in rows}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def unchanged(self, path: str, seen: Seen) -> bool:
        """Whether the file is the one that was read, as far as `seen` tells: by the stamp, or by the digest if there is one."""
        then = self._seen.get(path)
        return then is not None and (seen.digest == then.digest if seen.digest else bool(seen.stamp) and seen.stamp == then.stamp)

    def recall(self, path: str) -> Reading:
        """What was read from a file that is unchanged."""
        ((found,),) = self._connection.execute("SELECT found FROM readings WHERE path = ?", (path,))
        fields = json.loads(found)
        extracts = tuple(map(Extract.from_fields, fields["extracts"]))
        return Reading(extracts, tuple(fields["languages"]), tuple(fields["problems"]))

    def keep(self, read: Mapping[str, tuple[Seen, Reading]]) -> None:
        """Remember readings by their paths; one transaction."""
        rows = [
            (path, self._maker, seen.stamp, seen.digest, json.dumps(asdict(reading))) for path, (seen, reading) in read.items()
        ]  # json escapes a lone surrogate, which SQLite would refuse
        with full_disk_told(self._file), self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO readings VALUES (?, ?, ?, ?, ?)", rows)

    def finish(self, paths: Collection[str], touched: Mapping[str, Seen]) -> None:
        """Forget files that are not among `paths`, and note the new stamps of those whose content had not changed."""
        gone = [(path,) for (path,) in self._connection.execute("SELECT path FROM readings") if path not in paths]
        renewed = [(seen.stamp, path) for path, seen in touched.items() if seen.stamp]
        if gone or renewed:
            with full_disk_told(self._file), self._connection:
                self._connection.executemany("DELETE FROM readings WHERE path = ?", gone)
                self._connection.executemany("UPDATE readings SET stamp = ? WHERE path = ?", renewed)


def look(file: Path) -> Seen:
    """The stamp of a file as it is now; "" when it cannot be looked at, or changed so lately that another change could hide."""
    try:
        info = file.stat()
    except OSError:
        return Seen("")
    fresh = time.time() - max(info.st_mtime, info.st_ctime) < SETTLED
    return Seen("" if fresh else f"{info.st_size} {info.st_mtime_ns} {info.st_ctime_ns} {info.st_ino}")


def digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _in_memory() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.executescript(SCHEMA)
    return connection


@cache
def _parsers() -> str:
    """Another release of a parser may read a file in another way."""
    return " ".join(_version(name) for name in PARSERS)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"
