"""Measuring the index: the whole build against the bare embedder, a rebuild after a small change, a search over a million vectors."""

from __future__ import annotations

import random
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.embed.embedder import Embedder, open_embedder
from rag.index.build import BuildReport, build
from rag.index.store import STORES
from rag.ingest.folder import read_folder
from rag.ingest.split import split
from rag.models.folder import resolve
from rag.progress import Progress, silent
from rag.settings import Settings

if TYPE_CHECKING:
    from numpy.typing import NDArray

BATCH_SIZES = (8, 16, 32, 64)
SAMPLE = 96
"""Texts on which the bare embedder's best batch size and precision are found."""
CHANGED = 0.01
DIMENSION, CLUSTERS, QUERIES, TOP = 384, 5_000, 200, 10
STEP = 50_000  # synthetic vectors made at once


@dataclass(frozen=True, slots=True)
class Throughput:
    """`ratio` = chunks per second of the whole build over those of the bare embedder, on the same texts in the same process.

    The bare embedder is measured before and after the build, and the faster of the two counts. Loading the weights is
    left out of both. `stages`: seconds per stage of the build.
    """

    chunks: int
    build_seconds: float
    bare_seconds: float
    bare_setting: str
    ratio: float
    stages: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Rebuild:
    """A build after `changed` of `documents` got one more sentence. `share` = its seconds over those of the full build."""

    documents: int
    changed: int
    embedded: int
    seconds: float
    share: float
    stages: Mapping[str, float]


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


@dataclass(frozen=True, slots=True)
class IndexBench:
    corpus: str
    throughput: Throughput
    rebuild: Rebuild
    search: Search | None


def index_bench(settings: Settings, corpus: Path, *, vectors: int = 1_000_000, progress: Progress = silent) -> IndexBench:
    """All three measurements, in a folder of their own that is removed. `vectors` 0 leaves the search out.

    Raises what `build` raises.
    """
    with tempfile.TemporaryDirectory(prefix="atlas-bench-", ignore_cleanup_errors=True) as scratch:
        copy = Path(scratch) / "corpus"
        shutil.copytree(corpus, copy, copy_function=shutil.copyfile)
        there = settings.model_copy(update={"home": Path(scratch) / "home", "corpus": copy})
        embedder = open_embedder(settings, progress=progress)
        throughput = compare(settings, there, embedder, progress=progress)
        rebuild = change_and_rebuild(there, embedder, throughput.build_seconds, progress=progress)
        search = search_bench(settings, Path(scratch) / "vectors", vectors, progress=progress) if vectors else None
    return IndexBench(str(corpus), throughput, rebuild, search)


def compare(settings: Settings, there: Settings, embedder: Embedder, *, progress: Progress = silent) -> Throughput:
    """The whole build in `there`, against the embedder of `settings` alone on the very texts that the build embedded."""
    embedder.embed_passages(["Weights are loaded now."])
    counter = embedder.tokenizer()
    documents = read_folder(there.corpus, there.ingest, progress=progress).documents
    texts = list(dict.fromkeys(chunk.embedded_text for document in documents for chunk in split(document, counter, there.ingest)))
    bare = Bare(settings, embedder, texts)
    progress("measuring the bare embedder", 0, 0)
    first = bare.seconds(texts)
    report, seconds = _timed_build(there, embedder, progress)
    fastest = min(first, bare.seconds(texts))
    return Throughput(report.chunks, seconds, fastest, bare.setting, fastest / seconds, report.seconds)


def change_and_rebuild(there: Settings, embedder: Embedder, full_seconds: float, *, progress: Progress = silent) -> Rebuild:
    """One more sentence in one text document of a hundred, and a build."""
    files = sorted(path for path in there.corpus.rglob("*") if path.suffix in (".md", ".txt", ".html"))
    chosen = random.Random(0).sample(files, max(1, round(CHANGED * len(files))))
    for number, file in enumerate(chosen):
        with file.open("a", encoding="utf-8") as out:
            out.write(f"\n\nThis sentence, number {number}, was added later.\n")
    report, seconds = _timed_build(there, embedder, progress)
    return Rebuild(report.documents, len(chosen), report.embedded, seconds, seconds / full_seconds, report.seconds)


class Bare:
    """sentence-transformers' own `encode` with the precision and batch size that are fastest here; another embedder as it is."""

    def __init__(self, settings: Settings, embedder: Embedder, texts: Sequence[str]) -> None:
        """Tries every setting on a sample of `texts`."""
        self._threads = settings.cpu_threads
        self._prefix = str(embedder.identity()["passage_prefix"])
        self._embed: Callable[[list[str]], object] = embedder.embed_passages
        self.setting = "the embedder itself"
        if settings.embed.backend == "sentence-transformers":
            self._choose(str(resolve(settings.embed.model, settings).path), [self._prefix + text for text in texts])

    def seconds(self, texts: Sequence[str]) -> float:
        began = time.perf_counter()
        self._embed(list(texts))
        return time.perf_counter() - began

    def _choose(self, folder: str, texts: list[str]) -> None:
        from sentence_transformers import SentenceTransformer

        sample = random.Random(0).sample(texts, min(SAMPLE, len(texts)))
        fastest = float("inf")
        for precision in ("bfloat16", "float32"):
            model = SentenceTransformer(folder, local_files_only=True, model_kwargs={"dtype": precision})
            self._encode(model, sample[:4], 4)
            for size in BATCH_SIZES:
                began = time.perf_counter()
                self._encode(model, sample, size)
                if time.perf_counter() - began < fastest:
                    fastest = time.perf_counter() - began
                    self.setting = f"encode, {precision}, batches of {size}"
                    self._embed = partial(self._encode_all, model, size)

    def _encode_all(self, model: Any, size: int, texts: list[str]) -> None:
        self._encode(model, [self._prefix + text for text in texts], size)

    def _encode(self, model: Any, texts: list[str], size: int) -> None:
        import torch

        before = torch.get_num_threads()
        torch.set_num_threads(self._threads)
        try:
            model.encode(texts, prompt="", batch_size=size, normalize_embeddings=True, show_progress_bar=False)
        finally:
            torch.set_num_threads(before)


def _timed_build(settings: Settings, embedder: Embedder, progress: Progress) -> tuple[BuildReport, float]:
    began = time.perf_counter()
    report = build(settings, progress=progress, embedder=embedder)
    return report, time.perf_counter() - began


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
