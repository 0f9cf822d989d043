"""Metrics of one ranking of documents against the set of relevant ones (binary relevance)."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence


def distinct(names: Iterable[str]) -> list[str]:
    """Each name once, at its best rank: a ranking of chunks becomes a ranking of their documents."""
    return list(dict.fromkeys(names))


def hit_at(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """1 when a relevant document is among the first `k`, else 0 (success@k)."""
    return float(any(name in relevant for name in ranked[:k]))


def recall_at(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """Share of the relevant documents that are among the first `k`; 0 when nothing is relevant."""
    return len(set(ranked[:k]) & set(relevant)) / len(set(relevant)) if relevant else 0.0


def reciprocal_rank_at(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """1 / rank of the first relevant document, 0 when it is not among the first `k` (its mean is MRR@k; Voorhees 1999)."""
    return next((1.0 / rank for rank, name in enumerate(ranked[:k], start=1) if name in relevant), 0.0)


def ndcg_at(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """Normalised discounted cumulative gain, gain 1, discount log2(rank + 1) (Jarvelin and Kekalainen 2002).

    0 when nothing is relevant. `ranked` must not name a document twice.
    """
    gained = sum(1.0 / math.log2(rank + 1) for rank, name in enumerate(ranked[:k], start=1) if name in relevant)
    best = sum(1.0 / math.log2(rank + 1) for rank in range(1, min(k, len(set(relevant))) + 1))
    return gained / best if best else 0.0


def scores(ranked: Sequence[str], relevant: Collection[str]) -> dict[str, float]:
    """The metrics that the benchmark reports, by their usual names."""
    hits = {f"hit@{k}": hit_at(ranked, relevant, k) for k in (1, 3, 5, 10)}
    recalls = {f"recall@{k}": recall_at(ranked, relevant, k) for k in (5, 10)}
    return {**hits, **recalls, "MRR@10": reciprocal_rank_at(ranked, relevant, 10), "nDCG@10": ndcg_at(ranked, relevant, 10)}
