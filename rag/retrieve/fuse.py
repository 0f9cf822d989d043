"""Fusion of the dense and the lexical half: of their scores on fixed scales (the default), or of their ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

SMALLEST = 1e-3
"""Scale of the cosines when all chunks are the same."""


def fuse(rankings: Mapping[str, Sequence[str]], *, k: int = 60, weights: Mapping[str, float] | None = None) -> list[tuple[str, float]]:
    """Reciprocal rank fusion (Cormack, Clarke, Buettcher 2009): ``score(id) = sum over lists of weight / (k + rank)``, rank from 1.

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


def fuse_scores(
    dense: Sequence[tuple[str, float]],
    lexical: Sequence[tuple[str, float]],
    *,
    floor: float,
    bound: float,
    weight: float = 1.0,
) -> list[tuple[str, float]]:
    """Ids with their fused scores, best first: a convex combination of both halves' scores (Bruch, Gai, Ingber 2022).

    Each score is put on a scale that does not depend on the other hits: a cosine counts from `floor`, what unrelated texts
    have, to 1; a BM25 score from 0 to `bound`, the most that this query could score. So a question that shares hardly a word
    with the corpus (another language) is decided by the dense half without any rule for it, and a clear lead of one half is
    not flattened to one rank, as reciprocal ranks do: measured in docs/log.md, better on every set.

    Both lists: (id, score), best first, without repeats. `weight`: of the lexical half against the dense one's 1. A chunk that
    only the lexical half found gets the lowest cosine of the dense list; one that only the dense half found scores 0 there.
    Equal scores are ordered by id.
    """
    cosines, words = dict(dense), dict(lexical)
    lowest = min(cosines.values(), default=floor)
    scores = {}
    for identifier in cosines.keys() | words.keys():
        near = (cosines.get(identifier, lowest) - floor) / max(1 - floor, SMALLEST)
        said = words.get(identifier, 0.0) / bound if bound > 0 else 0.0
        scores[identifier] = (near + weight * said) / (1 + weight)
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))
