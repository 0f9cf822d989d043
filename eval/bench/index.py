"""Measuring the index: the whole build against the bare embedder, a rebuild after a small change, a search over a million vectors."""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from eval.bench.vectors import Search, search_bench
from rag.embed.embedder import Embedder, open_embedder
from rag.index.build import BuildReport, build
from rag.ingest.folder import read_folder
from rag.ingest.split import split
from rag.models.folder import resolve
from rag.progress import Progress, silent
from rag.settings import Settings

T = TypeVar("T")

BATCH_SIZES = (8, 16, 32, 64)
SAMPLE = 96
"""Texts on which the bare embedder's best batch size and precision are found."""
CHANGED = 0.01


@dataclass(frozen=True, slots=True)
class Seconds:
    """What something took: on the clock, and of the processor (all threads of this process; programs beside it disturb that less)."""

    wall: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Throughput:
    """`ratio` = chunks per second of the whole build over those of the bare embedder, on the same texts in the same process.

    The bare embedder is measured right before and right after the build, and the mean counts: a machine that slows down
    or speeds up meanwhile then favours neither. `bare_spread`: how far the two lie apart, as a share of their mean; the
    ratio is not known better than that. `cpu_ratio`: the same of the processor's seconds. Loading the weights is left out
    of all. `stages`: seconds per stage of the build.
    """

    chunks: int
    build_seconds: float
    bare_seconds: float
    bare_spread: float
    bare_setting: str
    ratio: float
    cpu_ratio: float
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
    before = bare.seconds(texts)
    report, whole = _timed_build(there, embedder, progress)
    after = bare.seconds(texts)
    wall, cpu = (before.wall + after.wall) / 2, (before.cpu + after.cpu) / 2
    return Throughput(
        chunks=report.chunks,
        build_seconds=whole.wall,
        bare_seconds=wall,
        bare_spread=abs(before.wall - after.wall) / wall,
        bare_setting=bare.setting,
        ratio=wall / whole.wall,
        cpu_ratio=cpu / whole.cpu,
        stages=report.seconds,
    )


def change_and_rebuild(there: Settings, embedder: Embedder, full_seconds: float, *, progress: Progress = silent) -> Rebuild:
    """One more sentence in one text document of a hundred, and a build."""
    files = sorted(path for path in there.corpus.rglob("*") if path.suffix in (".md", ".txt", ".html"))
    chosen = random.Random(0).sample(files, max(1, round(CHANGED * len(files))))
    for number, file in enumerate(chosen):
        with file.open("a", encoding="utf-8") as out:
            out.write(f"\n\nThis sentence, number {number}, was added later.\n")
    report, took = _timed_build(there, embedder, progress)
    return Rebuild(report.documents, len(chosen), report.embedded, took.wall, took.wall / full_seconds, report.seconds)


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

    def seconds(self, texts: Sequence[str]) -> Seconds:
        return _timed(lambda: self._embed(list(texts)))[1]

    def _choose(self, folder: str, texts: list[str]) -> None:
        from sentence_transformers import SentenceTransformer

        sample = random.Random(0).sample(texts, min(SAMPLE, len(texts)))
        fastest = float("inf")
        for precision in ("bfloat16", "float32"):
            model = SentenceTransformer(folder, local_files_only=True, model_kwargs={"dtype": precision})
            self._encode(model, sample[:4], 4)
            for size in BATCH_SIZES:
                took = _timed(partial(self._encode, model, sample, size))[1].wall
                if took < fastest:
                    fastest = took
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


def _timed_build(settings: Settings, embedder: Embedder, progress: Progress) -> tuple[BuildReport, Seconds]:
    return _timed(lambda: build(settings, progress=progress, embedder=embedder))


def _timed(work: Callable[[], T]) -> tuple[T, Seconds]:
    wall, cpu = time.perf_counter(), time.process_time()
    done = work()
    return done, Seconds(time.perf_counter() - wall, time.process_time() - cpu)
