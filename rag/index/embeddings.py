"""embeddings.db: every vector ever computed for an index, by embedder and text; what makes a build resumable and a rebuild cheap."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from rag.cache_file import full_disk_told, open_cache
from rag.errors import IndexError_

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCHEMA = """
CREATE TABLE IF NOT EXISTS embeddings (key BLOB PRIMARY KEY, vector BLOB NOT NULL);
SELECT key FROM embeddings LIMIT 1;
"""
BATCH = 500  # keys in one statement
SPARE = 2
"""Vectors that no chunk uses any more are dropped once there are this many times more vectors than chunks."""


class Embeddings:
    """A table key -> float32 vector, in SQLite with a write-ahead log: what `put` returned from survives a kill."""

    def __init__(self, file: Path, dimension: int) -> None:
        self._file = file
        self._dimension = dimension
        self._connection = open_cache(file, SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def known(self, keys: Sequence[bytes]) -> set[bytes]:
        """Of `keys`, those that are here."""
        found: set[bytes] = set()
        for part in _parts(keys):
            query = f"SELECT key FROM embeddings WHERE key IN ({','.join('?' * len(part))}) AND length(vector) = ?"
            found.update(name for (name,) in self._connection.execute(query, [*part, self._dimension * 4]))
        return found

    def vectors(self, keys: Sequence[bytes]) -> NDArray[np.float32]:
        """(len(keys), dimension). Every key must be known."""
        out = np.empty((len(keys), self._dimension), dtype=np.float32)
        rows: dict[bytes, list[int]] = {}
        for row, key in enumerate(keys):
            rows.setdefault(key, []).append(row)
        for part in _parts(list(rows)):
            query = f"SELECT key, vector FROM embeddings WHERE key IN ({','.join('?' * len(part))})"
            for key, blob in self._connection.execute(query, part):
                out[rows.pop(key)] = np.frombuffer(blob, dtype="<f4")
        if rows:
            raise IndexError_(f"{self._file} lost {len(rows)} vectors while the index was built.", "Build again.")
        return out

    def put(self, keys: Sequence[bytes], vectors: NDArray[np.float32]) -> None:
        """Keep them for good; one transaction."""
        rows = [(key, vector.astype("<f4").tobytes()) for key, vector in zip(keys, vectors, strict=True)]
        with full_disk_told(self._file), self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO embeddings VALUES (?, ?)", rows)

    def prune(self, keys: Sequence[bytes]) -> int:
        """Drop what `keys` does not name, when it has become the larger part. Returns how many were dropped."""
        (total,) = self._connection.execute("SELECT count(*) FROM embeddings").fetchone()
        if total <= SPARE * len(set(keys)):
            return 0
        with full_disk_told(self._file), self._connection:
            self._connection.execute("CREATE TEMP TABLE used (key BLOB PRIMARY KEY)")
            self._connection.executemany("INSERT OR IGNORE INTO used VALUES (?)", ((key,) for key in keys))
            dropped = self._connection.execute("DELETE FROM embeddings WHERE key NOT IN (SELECT key FROM used)").rowcount
            self._connection.execute("DROP TABLE used")
        return int(dropped)


def key(identity: Mapping[str, str | int], text: str) -> bytes:
    """sha256 of the embedder's identity and the text."""
    described = json.dumps(dict(identity), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(f"{described}\x1f{text}".encode("utf-8", "surrogatepass")).digest()


def _parts(keys: Sequence[bytes]) -> Iterator[list[bytes]]:
    for start in range(0, len(keys), BATCH):
        yield list(keys[start : start + BATCH])
