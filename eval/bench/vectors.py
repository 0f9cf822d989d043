"""Measuring a vector store on many synthetic vectors: speed of single queries, and recall against exact search."""

from __future__ import annotations

import resource
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rag.index.store import STORES
from rag.progress import Progress, silent
from rag.settings import Settings

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIMENSION, CLUSTERS, QUERIES, TOP = 384, 5_000, 200, 10
STEP = 50_000  # vectors made or compared at once


@dataclass(frozen=True, slots=True)
class Search:
    """Single queries over synthetic vectors, one after the other. `recall`: share of the exact first ten that are found."""

    vectors: int
    kind: Mapping[str, str | int | float]
    build_seconds: float
    megabytes: float
    p50_ms: float
    p95_ms: float
    recall: float
    exact_p50_ms: float
    peak_gb: float


def search_bench(settings: Settings, folder: Path, count: int, *, progress: Progress = silent) -> Search:
    """The store of the settings over `count` synthetic vectors: clustered as embeddings are, made from a seed, memory-mapped."""
    folder.mkdir(parents=True)
    vectors = _synthetic(folder / "vectors.f32", count, progress)
    ids = [f"{number:016x}" for number in range(count)]
    queries = _queries(vectors)
    place = folder / "store"
    place.mkdir()
    kind = STORES.load(settings.index.store)
    progress("building the store", 0, 0)
    began = time.perf_counter()
    kind.create(place, ids, vectors, settings.index).close()
    build_seconds = time.perf_counter() - began
    store = kind.open(place, settings.index)
    times, found = [], []
    for warm in queries[:5]:
        store.search(warm, TOP)
    for number, query in enumerate(queries):
        began = time.perf_counter()
        found.append({int(name, 16) for name, _ in store.search(query, TOP)})
        times.append(time.perf_counter() - began)
        progress("searching", number + 1, len(queries))
    details = store.describe()
    store.close()
    kind.delete(place, settings.index)
    best, exact_seconds = _exact(vectors, queries, progress)
    recall = float(np.mean([len(mine & set(theirs)) / TOP for mine, theirs in zip(found, best, strict=True)]))
    size = sum(file.stat().st_size for file in place.rglob("*") if file.is_file())
    p50, p95 = (float(value) * 1000 for value in np.percentile(times, [50, 95]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    return Search(count, details, build_seconds, size / 1e6, p50, p95, recall, exact_seconds * 1000, peak)


def _synthetic(file: Path, count: int, progress: Progress) -> NDArray[np.float32]:
    """Unit vectors around cluster centres of uneven size, which lie in a subspace, as the outputs of an encoder do."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(CLUSTERS, 64)).astype(np.float32) @ rng.normal(size=(64, DIMENSION)).astype(np.float32) / 8
    weights = rng.pareto(1.5, CLUSTERS) + 0.1
    out = np.memmap(file, dtype=np.float32, mode="w+", shape=(count, DIMENSION))
    for start in range(0, count, STEP):
        members = rng.choice(CLUSTERS, min(STEP, count - start), p=weights / weights.sum())
        part = centres[members] + rng.normal(scale=0.7, size=(len(members), DIMENSION)).astype(np.float32)
        out[start : start + STEP] = part / np.linalg.norm(part, axis=1, keepdims=True)
        progress("making vectors", start + len(members), count)
    out.flush()
    return np.memmap(file, dtype=np.float32, mode="r", shape=(count, DIMENSION))


def _queries(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Vectors of the set, moved a little: questions are near passages, but not one of them."""
    rng = np.random.default_rng(1)
    chosen = vectors[np.sort(rng.choice(len(vectors), min(QUERIES, len(vectors)), replace=False))]
    moved = chosen + rng.normal(scale=0.5 / np.sqrt(DIMENSION), size=chosen.shape).astype(np.float32)
    unit: NDArray[np.float32] = (moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(np.float32)
    return unit


def _exact(vectors: NDArray[np.float32], queries: NDArray[np.float32], progress: Progress) -> tuple[list[list[int]], float]:
    """The true first ten of each query, and the seconds that one query takes when every vector is compared."""
    best = np.full((len(queries), TOP), -np.inf, dtype=np.float32)
    rows = np.zeros((len(queries), TOP), dtype=np.int64)
    for start in range(0, len(vectors), STEP):
        scores = np.concatenate([best, queries @ vectors[start : start + STEP].T], axis=1)
        places = np.concatenate(
            [rows, np.broadcast_to(np.arange(start, start + scores.shape[1] - TOP), (len(queries), scores.shape[1] - TOP))], axis=1
        )
        top = np.argpartition(-scores, TOP - 1, axis=1)[:, :TOP]
        best, rows = np.take_along_axis(scores, top, axis=1), np.take_along_axis(places, top, axis=1)
        progress("searching exactly", min(start + STEP, len(vectors)), len(vectors))
    began = time.perf_counter()
    for query in queries[:5]:
        np.argpartition(-(vectors @ query), TOP)[:TOP]
    return [list(map(int, row)) for row in rows], (time.perf_counter() - began) / 5
