"""An index opened for questions: one immutable version, or the live one followed as it changes."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.embed.embedder import Embedder, describe
from rag.errors import AtlasError, IndexError_
from rag.index import manifest, versions
from rag.index.corpus_db import CorpusDb, Listed
from rag.index.lexical import Lexical
from rag.index.store import STORES, VectorStore
from rag.settings import Index as IndexSettings
from rag.settings import Settings
from rag.types import Chunk, Document

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rag.index.manifest import Manifest

SAMPLED = 4096
"""Chunks that the mean cosine is taken from, about."""
EXACT_VECTORS = "vectors.f16.npy"
"""Every vector in half precision, in the corpus' order: `Index.vectors` must not depend on what a store can return."""


class Index:
    """One version, read-only and thread-safe. As long as it is referenced, its files stay."""

    def __init__(self, folder: Path, settings: IndexSettings) -> None:
        """Raises IndexError_ when something is missing or damaged, FileNotFoundError when the version is being removed."""
        hold = versions.InUse(folder)
        self._finish: weakref.finalize[..., Any] = weakref.finalize(self, hold.close)
        try:
            self.manifest: Manifest = manifest.read(folder)
            manifest.check_files(folder, self.manifest)
            self.version = self.manifest.version
            self._corpus = CorpusDb(folder / versions.CORPUS)
            self._lexical = Lexical(folder / versions.LEXICAL)
            self._vectors = np.load(folder / EXACT_VECTORS, mmap_mode="r", allow_pickle=False)
            self._store = STORES.load(str(self.manifest.store["name"])).open(folder / versions.VECTORS, settings)
        except BaseException:
            self._finish()
            raise
        self._finish.detach()
        self._finish = weakref.finalize(self, _close, (self._store, self._corpus, hold))

    def dense(self, query_vector: NDArray[np.float32], k: int, *, allowed: Collection[str] | None = None) -> list[tuple[str, float]]:
        """(chunk id, cosine), best first."""
        return self._store.search(query_vector, k, allowed=allowed)

    def lexical(self, query: str, k: int, *, allowed: Collection[str] | None = None) -> list[tuple[str, float]]:
        """(chunk id, BM25 score > 0), best first."""
        return self._lexical.search(query, k, allowed=allowed)

    def lexical_bound(self, query: str) -> float:
        """What no chunk's lexical score for this query can exceed; see `Lexical.bound`."""
        return self._lexical.bound(query)

    @cached_property
    def cosine_floor(self) -> float:
        """The mean cosine between two chunks: what an unrelated pair has here. Far above 0 for many embedders."""
        sample = np.asarray(self._vectors[:: max(1, len(self._vectors) // SAMPLED)], dtype=np.float32)
        mean, count = sample.mean(axis=0), len(sample)
        return float((count * (mean @ mean) - 1) / (count - 1)) if count > 1 else 0.0  # without the pairs of a chunk and itself

    def chunks(self, ids: Sequence[str]) -> list[Chunk]:
        """Same order as `ids`."""
        return self._corpus.chunks(ids)

    def document(self, document_id: str) -> Document:
        return self._corpus.document(document_id)

    def documents(self) -> Iterator[Document]:
        """In path order."""
        return self._corpus.documents()

    def chunks_of(self, document_id: str) -> list[Chunk]:
        """In text order."""
        return self._corpus.chunks_of(document_id)

    def listing(self) -> list[Listed]:
        """All documents in path order, without their texts."""
        return self._corpus.listing()

    def chunk_lengths(self) -> list[int]:
        """Characters of every chunk."""
        return self._corpus.chunk_lengths()

    def sample(self, count: int, seed: int) -> tuple[list[Chunk], NDArray[np.float32]]:
        """At most `count` chunks drawn without repeats, the same ones for the same seed, and their vectors (unit rows)."""
        numbers = np.sort(np.random.default_rng(seed).permutation(len(self))[:count])
        return self._corpus.numbered([int(number) for number in numbers]), _unit(self._vectors[numbers])

    def select(self, where: Mapping[str, str | Sequence[str]]) -> set[str]:
        """Chunk ids that meet every condition; see `CorpusDb.select`."""
        return set(self._corpus.select(where))

    def vectors(self, ids: Sequence[str]) -> NDArray[np.float32]:
        """(len(ids), dimension), unit rows; stored in half precision, so cosines are right to about 0.001."""
        return _unit(self._vectors[self._corpus.number(ids)])

    def __len__(self) -> int:
        return self.manifest.chunks

    def close(self) -> None:
        """May be called twice; happens by itself with the last reference."""
        self._finish()


def _unit(rows: NDArray[np.float16]) -> NDArray[np.float32]:
    whole = rows.astype(np.float32)
    unit: NDArray[np.float32] = whole / np.linalg.norm(whole, axis=1, keepdims=True)
    return unit


def _close(parts: tuple[VectorStore, CorpusDb, versions.InUse]) -> None:
    for part in parts:
        part.close()


class LiveIndex:
    """Follows the `current` pointer. Whoever holds an `Index` keeps it whole while newer ones come and go.

    A new version that cannot be used here (another embedder, a damaged file) is not taken: the old one answers on, and
    `problem` says why.
    """

    def __init__(self, folder: Path, settings: IndexSettings, embedder: Embedder) -> None:
        self._folder = folder
        self._settings = settings
        self._identity = embedder.identity()
        self._opening = threading.Lock()
        self._refused = ""
        self.problem = ""
        self._index = self._open()

    def current(self) -> Index:
        """The live version. Never waits for another thread that is opening it; opening takes well under a second."""
        index = self._index
        name = versions.live(self._folder)
        if name in (index.version, self._refused, "") or not self._opening.acquire(blocking=False):
            return index
        try:
            self._index = self._open()
            self._refused = self.problem = ""
        except AtlasError as exc:
            self._refused, self.problem = name, str(exc)
        finally:
            self._opening.release()
        return self._index

    def close(self) -> None:
        self._index.close()

    def _open(self) -> Index:
        index = open_current(self._folder, self._settings)
        if dict(index.manifest.embedder) != self._identity:
            index.close()
            raise mismatch(self._folder.name, index.manifest, self._identity)
        return index


def mismatch(name: str, described: Manifest, identity: Mapping[str, str | int]) -> IndexError_:
    """The error for an index of another embedder: names both, and what differs where the names agree."""
    theirs, ours = dict(described.embedder), dict(identity)
    keys = [key for key in sorted(theirs.keys() | ours.keys()) if theirs.get(key) != ours.get(key)]
    differs = ", ".join(f"{key} {theirs.get(key)!r} against {ours.get(key)!r}" for key in keys)
    what = f"Index '{name}' was made with {describe(theirs)}; the settings ask for {describe(ours)} (differs: {differs})."
    return IndexError_(what, "Build it again (`atlas index build`) or set embed.model back.")


def open_current(folder: Path, settings: IndexSettings) -> Index:
    """The live version, whatever embedder made it. Tries again when it is replaced and removed meanwhile."""
    for _ in range(20):
        name = versions.current(folder)
        try:
            return Index(folder / name, settings)
        except FileNotFoundError as exc:
            if versions.current(folder) == name and not (folder / name / versions.IN_USE).is_file():
                what = f"The live version {name} of index '{folder.name}' is not there."
                raise IndexError_(what, "Build again, or roll back: `atlas index rollback`.") from exc
    raise IndexError_(f"Index '{folder.name}' is replaced faster than it can be opened.", "Stop the builds and try again.")


def open_live(settings: Settings, embedder: Embedder) -> LiveIndex:
    """The index that the settings name, followed as it changes. Raises IndexError_: there is none, or another embedder made it."""
    return LiveIndex(versions.folder_of(settings), settings.index, embedder)
