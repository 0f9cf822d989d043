"""FAISS: exact search for small corpora, a graph (HNSW) for larger ones, inverted lists (IVF) for a million and more."""

from __future__ import annotations

import math
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from rag.errors import IndexError_
from rag.index.store import ID_TYPE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rag.settings import Index as IndexSettings

VECTORS = "vectors.faiss"
IDS = "ids.npy"

IVF_FROM = 1_000_000
"""From here on a graph takes too long to build and too much memory on an ordinary machine."""
HNSW_LINKS, HNSW_BUILD, HNSW_SEARCH = 32, 200, 128
"""M, efConstruction, efSearch (Malkov and Yashunin 2016)."""
LISTS_PER_ROOT = 4
"""IVF lists = 4 * sqrt(n), FAISS's own guideline for a million vectors."""
TRAINING_PER_LIST = 40
"""Vectors per list that k-means sees; FAISS asks for at least 39."""
PROBED_SHARE = 1 / 32
"""Share of the lists that a query looks into."""
SCAN_BELOW = 20_000
"""With at most this many allowed ids, they are compared one by one: exact, and faster than a filtered graph."""


class FaissStore:
    """The index in one file, memory-mapped; the ids in a .npy of fixed-width strings (no pickle)."""

    immutable: ClassVar[bool] = True

    def __init__(self, index: Any, ids: NDArray[np.str_]) -> None:
        self._index = index
        self._ids = ids
        self._position: dict[str, int] = {}
        self._mapping = threading.Lock()

    @classmethod
    def create(cls, folder: Path, ids: Sequence[str], vectors: NDArray[np.float32], settings: IndexSettings) -> Self:
        faiss = _library()
        index = _empty(len(ids), vectors.shape[1], choose(len(ids), settings))
        with _foreign(folder, "write"):
            if not index.is_trained:
                index.train(_sample(vectors, index.nlist * TRAINING_PER_LIST))
            for start in range(0, len(ids), 100_000):  # in steps, so that a memory-mapped input is never in memory at once
                index.add(np.ascontiguousarray(vectors[start : start + 100_000], dtype=np.float32))
            faiss.write_index(index, str(folder / VECTORS))
        table = np.array(list(ids), dtype=ID_TYPE)
        np.save(folder / IDS, table, allow_pickle=False)
        return cls(index, table)

    @classmethod
    def open(cls, folder: Path, settings: IndexSettings) -> Self:
        faiss = _library()
        with _foreign(folder, "read"):
            index = faiss.read_index(str(folder / VECTORS), faiss.IO_FLAG_MMAP_IFC | faiss.IO_FLAG_READ_ONLY)
            ids = np.load(folder / IDS, allow_pickle=False, mmap_mode="r")
        if index.ntotal != len(ids):
            raise IndexError_(f"{folder} is damaged: {index.ntotal} vectors but {len(ids)} ids.", "Build the index again.")
        return cls(index, ids)

    def search(self, query: NDArray[np.float32], k: int, *, allowed: Collection[str] | None = None) -> list[tuple[str, float]]:
        faiss = _library()
        positions = None if allowed is None else self._positions(allowed)
        k = min(k, len(self) if positions is None else len(positions))
        if k <= 0:
            return []
        if positions is not None and len(positions) <= SCAN_BELOW:
            return self._scan(query, k, positions)
        faiss.omp_set_num_threads(1)  # this thread's setting: one query gains nothing from a second one
        scores, found = self._index.search(query.reshape(1, -1).astype(np.float32, copy=False), k, params=self._parameters(k, positions))
        return [(str(self._ids[position]), float(score)) for position, score in zip(found[0], scores[0], strict=True) if position >= 0]

    def describe(self) -> dict[str, str | int | float]:
        faiss = _library()
        if isinstance(self._index, faiss.IndexHNSW):
            return {"kind": "hnsw", "links": HNSW_LINKS, "ef_construction": HNSW_BUILD, "ef_search": HNSW_SEARCH}
        if isinstance(self._index, faiss.IndexIVF):
            return {"kind": "ivf", "lists": int(self._index.nlist), "probes": _probes(int(self._index.nlist))}
        return {"kind": "exact"}

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def close(self) -> None:
        self._position = {}

    @classmethod
    def delete(cls, folder: Path, settings: IndexSettings) -> None:
        """Nothing lies outside the folder."""

    def _positions(self, allowed: Collection[str]) -> NDArray[np.int64]:
        if not self._position:
            self._position = {str(name): place for place, name in enumerate(self._ids)}
        known = [self._position[name] for name in set(allowed) if name in self._position]
        return np.array(sorted(known), dtype=np.int64)

    def _scan(self, query: NDArray[np.float32], k: int, positions: NDArray[np.int64]) -> list[tuple[str, float]]:
        faiss = _library()
        if isinstance(self._index, faiss.IndexIVF):
            with self._mapping:
                self._index.make_direct_map()  # no-op after the first time
        scores = self._index.reconstruct_batch(positions) @ query.reshape(-1)
        best = np.argsort(-scores, kind="stable")[:k]
        return [(str(self._ids[positions[row]]), float(scores[row])) for row in best]

    def _parameters(self, k: int, positions: NDArray[np.int64] | None) -> Any:
        faiss = _library()
        options: dict[str, Any] = {} if positions is None else {"sel": faiss.IDSelectorBatch(positions)}
        if isinstance(self._index, faiss.IndexHNSW):
            return faiss.SearchParametersHNSW(efSearch=max(HNSW_SEARCH, 2 * k), **options)
        if isinstance(self._index, faiss.IndexIVF):
            return faiss.SearchParametersIVF(nprobe=_probes(int(self._index.nlist), 10 * k / len(self)), **options)
        return faiss.SearchParameters(**options)


def _library() -> Any:
    """faiss, untyped: the stubs it comes with lack half of it."""
    import faiss

    return faiss


def choose(count: int, settings: IndexSettings) -> str:
    """ "exact", "hnsw" or "ivf", by the settings or by the number of vectors."""
    if settings.kind != "auto":
        return settings.kind
    if count < settings.exact_below:
        return "exact"
    return "hnsw" if count < IVF_FROM else "ivf"


def _empty(count: int, dimension: int, kind: str) -> Any:
    faiss = _library()
    if kind == "hnsw":
        index = faiss.IndexHNSWFlat(dimension, HNSW_LINKS, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = HNSW_BUILD
        index.hnsw.efSearch = HNSW_SEARCH
        return index
    if kind == "ivf":
        lists = max(1, min(int(LISTS_PER_ROOT * math.sqrt(count)), count // TRAINING_PER_LIST))
        index = faiss.IndexIVFFlat(faiss.IndexFlatIP(dimension), dimension, lists, faiss.METRIC_INNER_PRODUCT)
        index.cp.seed = 0
        index.cp.spherical = True  # centroids on the unit sphere, as the vectors are
        return index
    return faiss.IndexFlatIP(dimension)


def _sample(vectors: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    if count >= len(vectors):
        return np.ascontiguousarray(vectors, dtype=np.float32)
    rows = np.sort(np.random.default_rng(0).choice(len(vectors), count, replace=False))
    return np.ascontiguousarray(vectors[rows], dtype=np.float32)


def _probes(lists: int, share: float = 0.0) -> int:
    """How many lists to look into: more when many hits are asked for (`share`: ten times the hits over all vectors)."""
    return min(lists, max(32, math.ceil(lists * max(share, PROBED_SHARE))))


@contextmanager
def _foreign(folder: Path, verb: str) -> Iterator[None]:
    """FAISS raises RuntimeError with a C++ location in it; the user gets the file and what to do."""
    try:
        yield
    except (RuntimeError, ValueError, FileNotFoundError) as exc:
        reason = str(exc).splitlines()[0].rsplit("Error: ", 1)[-1]
        do = "Is the disk full?" if verb == "write" else "Build the index again, or roll back: `atlas index rollback`."
        raise IndexError_(f"Cannot {verb} the vectors in {folder} ({reason}).", do) from exc
