"""The retriever: dense and BM25 candidates, fused, reranked when there is a reranker, repeats dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rag.embed.embedder import Embedder, open_embedder
from rag.index.opened import Index, LiveIndex, open_live
from rag.progress import Progress, silent
from rag.retrieve.fuse import fuse, fuse_scores
from rag.retrieve.repeats import without_repeats
from rag.retrieve.rerank import Reranker, open_reranker
from rag.settings import Retrieve, Settings
from rag.types import Hit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Mode = Literal["dense", "lexical", "fused", "reranked"]
Where = Mapping[str, str | Sequence[str]]
"""Metadata filter: path (a glob), language, media or any metadata key -> one value or several."""


@dataclass(frozen=True, slots=True)
class Found:
    """What one search found: hits best first, hits dropped as repeats (with the better one), and the index they come from."""

    hits: tuple[Hit, ...]
    repeats: tuple[tuple[Hit, Hit], ...]
    index: Index


class Retriever:
    """Searches the live index. Thread-safe; follows the index as it is rebuilt."""

    def __init__(self, live: LiveIndex, embedder: Embedder, settings: Retrieve, reranker: Reranker | None = None) -> None:
        self.live = live
        self.embedder = embedder
        self.settings = settings
        self.reranker = reranker

    def search(self, query: str, *, k: int | None = None, where: Where | None = None) -> list[Hit]:
        """The k best hits (settings.retrieve.top_k), without repeats."""
        return list(self.look_up(query, k=k, where=where).hits)

    def look_up(self, query: str, *, k: int | None = None, where: Where | None = None) -> Found:
        """As `search`, with what was dropped and the index version that answered."""
        index = self.live.current()
        k = k or self.settings.top_k
        mode: Mode = "reranked" if self.reranker else "fused"
        hits = self._rank(index, query, mode=mode, k=max(3 * k, k + 8), where=where)
        kept, repeats = without_repeats(hits, self.settings.near_duplicate)
        chosen = {hit.chunk.id for hit in kept[:k]}
        return Found(tuple(kept[:k]), tuple((hit, twin) for hit, twin in repeats if twin.chunk.id in chosen), index)

    def find(self, query: str, *, mode: Mode, k: int, vector: NDArray[np.float32] | None = None) -> list[Hit]:
        """One half alone, or a stage of the whole, repeats kept: for measuring and for showing why."""
        return self._rank(self.live.current(), query, mode=mode, k=k, where=None, vector=vector)

    def _rank(
        self, index: Index, query: str, *, mode: Mode, k: int, where: Where | None, vector: NDArray[np.float32] | None = None
    ) -> list[Hit]:
        allowed = index.select(where) if where else None
        depth = max(self.settings.candidates, k)
        dense, lexical = [], []
        if mode != "lexical":
            dense = index.dense(self.embedder.embed_query(query) if vector is None else vector, depth, allowed=allowed)
        if mode != "dense":
            lexical = index.lexical(query, depth, allowed=allowed)
        rankings = {half: [name for name, _ in found] for half, found in (("dense", dense), ("lexical", lexical))}
        if self.settings.fusion == "ranks":
            weights = {"lexical": self.settings.lexical_weight} if dense and lexical else None
            fused = fuse(rankings, k=self.settings.rrf_k, weights=weights)
        else:
            weight = self.settings.lexical_weight if dense else 1.0
            fused = fuse_scores(dense, lexical, floor=index.cosine_floor, bound=index.lexical_bound(query), weight=weight)
        pool = fused[: depth if mode == "reranked" else k]
        hits = _hits(index, pool, dict(dense), dict(lexical), rankings)
        if mode == "reranked" and self.reranker:
            hits = self.reranker.rerank(query, hits)
        return hits[:k]


def _hits(
    index: Index,
    scored: Sequence[tuple[str, float]],
    dense: Mapping[str, float],
    lexical: Mapping[str, float],
    rankings: Mapping[str, Sequence[str]],
) -> list[Hit]:
    ranks = {half: {name: rank for rank, name in enumerate(names, start=1)} for half, names in rankings.items()}
    chunks = index.chunks([name for name, _ in scored])
    return [
        Hit(
            chunk,
            score,
            dense=dense.get(name),
            lexical=lexical.get(name),
            dense_rank=ranks["dense"].get(name),
            lexical_rank=ranks["lexical"].get(name),
        )
        for (name, score), chunk in zip(scored, chunks, strict=True)
    ]


def open_retriever(settings: Settings, *, progress: Progress = silent) -> Retriever:
    """The retriever over the index that the settings name. Raises IndexError_ or ModelError; loads no weights yet."""
    embedder = open_embedder(settings, progress=progress)
    return Retriever(open_live(settings, embedder), embedder, settings.retrieve, open_reranker(settings, progress=progress))
