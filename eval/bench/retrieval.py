"""How well each half of retrieval, and their fusion, finds the documents that hold the answers."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eval.bench.scoring import Line, Scored, score, summarise
from eval.bench.sets import QaSet, cluster
from rag.embed.embedder import Embedder, open_embedder
from rag.index.build import build
from rag.index.opened import LiveIndex, open_live
from rag.progress import Progress, silent
from rag.qa import Pair
from rag.retrieve.conversation import search_query
from rag.retrieve.rerank import open_reranker
from rag.retrieve.retriever import Mode, Retriever
from rag.settings import Settings

CHUNKS = 100
"""Chunks asked for, so that ten different documents are among them."""
TIMED = 50
"""Questions over which the time of a search is taken, one at a time."""


@dataclass(frozen=True, slots=True)
class RetrievalReport:
    """`twins`: file that is a copy, or nearly one, of an indexed file -> that file; finding it counts. `missing`: gold files
    that could not be read; their questions count as not found.

    `milliseconds` is the median of one whole search (embedding the question, both halves, fusion) over TIMED questions;
    `scored` holds the metrics question by question, for paired comparisons.
    """

    name: str
    documents: int
    chunks: int
    questions: int
    clusters: int
    twins: Mapping[str, str]
    missing: tuple[str, ...]
    systems: tuple[Line, ...]
    differences: tuple[Line, ...]
    milliseconds: float
    build_seconds: float
    scored: tuple[Scored, ...]


def named(settings: Settings, name: str) -> Settings:
    """The settings with the index `bench-<name>`: a benchmark never touches the user's own index."""
    return settings.model_copy(update={"index": settings.index.model_copy(update={"name": f"bench-{name}"})})


def bench_retrieval(qa_set: QaSet, settings: Settings, *, limit: int = 0, progress: Progress = silent) -> RetrievalReport:
    """Build (or reuse) the set's index, ask every answerable question of every mode, score documents against `docs`.

    Raises what building and opening an index raise (InputError, ModelError, IndexError_).
    """
    settings = named(settings, qa_set.name)
    embedder = open_embedder(settings, progress=progress)
    built = build(settings, corpus=qa_set.corpus, progress=progress, embedder=embedder)
    live = open_live(settings, embedder)
    try:
        pairs = qa_set.answerable(limit)
        twins = {duplicate.path: duplicate.of for duplicate in built.duplicates}
        rankings = _all_modes(pairs, live, embedder, settings, progress)
        scored = [score(mode, pairs, found, twins=twins) for mode, found in rankings.items()]
        lines, differences = summarise(pairs, scored, _against(scored))
        indexed = {document.path for document in live.current().documents()}
        return RetrievalReport(
            name=qa_set.name,
            documents=built.documents,
            chunks=built.chunks,
            questions=len(pairs),
            clusters=len({cluster(pair) for pair in pairs}),
            twins=twins,
            missing=tuple(sorted({path for pair in pairs for path in pair.docs} - indexed - twins.keys())),
            systems=tuple(lines),
            differences=tuple(differences),
            milliseconds=_milliseconds(pairs, live, embedder, settings),
            build_seconds=sum(built.seconds.values()),
            scored=tuple(scored),
        )
    finally:
        live.close()


def _all_modes(
    pairs: Sequence[Pair], live: LiveIndex, embedder: Embedder, settings: Settings, progress: Progress
) -> dict[Mode, list[list[str]]]:
    """Mode -> for each question the paths of the chunks found."""
    queries = [search_query(pair.question, pair.history) for pair in pairs]
    vectors = embedder.embed_queries(queries, progress=progress)
    reranker = open_reranker(settings, progress=progress)
    retriever = Retriever(live, embedder, settings.retrieve, reranker)
    modes: tuple[Mode, ...] = ("dense", "lexical", "fused", "reranked") if reranker else ("dense", "lexical", "fused")
    rankings: dict[Mode, list[list[str]]] = {mode: [] for mode in modes}
    for mode in modes:
        for number, (query, vector) in enumerate(zip(queries, vectors, strict=True), start=1):
            rankings[mode].append([hit.chunk.path for hit in retriever.find(query, mode=mode, k=CHUNKS, vector=vector)])
            progress(f"searching ({mode})", number, len(queries))
    return rankings


def _against(scored: Sequence[Scored]) -> list[tuple[str, str]]:
    pairs = [("fused", "dense"), ("fused", "lexical")]
    return [*pairs, ("reranked", "fused")] if any(each.system == "reranked" for each in scored) else pairs


def _milliseconds(pairs: Sequence[Pair], live: LiveIndex, embedder: Embedder, settings: Settings) -> float:
    """Median time of one search as the assistant makes it, the first (which loads things) left out."""
    retriever = Retriever(live, embedder, settings.retrieve, None)
    taken = []
    for pair in pairs[: TIMED + 1]:
        query = search_query(pair.question, pair.history)
        start = time.perf_counter()
        retriever.search(query)
        taken.append(1000 * (time.perf_counter() - start))
    return statistics.median(taken[1:] or taken)
