"""Reciprocal rank fusion of ranked lists (Cormack, Clarke, Buettcher 2009)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def fuse(rankings: Mapping[str, Sequence[str]], *, k: int = 60, weights: Mapping[str, float] | None = None) -> list[tuple[str, float]]:
    """Ids with their fused scores, best first: ``score(id) = sum over lists of weight / (k + rank)``, rank from 1.

    `rankings`: list name -> ids, best first, without repeats. A list without a weight counts 1. Equal scores are
    ordered by the best single rank, then by id, so the order of the lists does not matter.
    """
    scores: dict[str, float] = {}
    best: dict[str, int] = {}
    for name in sorted(rankings):
        weight = 1.0 if weights is None else weights.get(name, 1.0)
        if weight <= 0:
            continue
        for rank, identifier in enumerate(rankings[name], start=1):
            scores[identifier] = scores.get(identifier, 0.0) + weight / (k + rank)
            best[identifier] = min(best.get(identifier, rank), rank)
    return sorted(scores.items(), key=lambda item: (-item[1], best[item[0]], item[0]))
