"""How far the judge agrees with people: Cohen's kappa on the pairs of answers that both saw, with a bootstrap interval."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from eval.judge import WINNERS
from rag.errors import InputError

FEW = 30
"""Votes below which kappa says little, whatever its interval: a handful of them decides."""
RESAMPLES = 2000
LEAST = 0.9
"""Share of the resamples that must have a kappa for an interval to be given."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement on `n` votes about `questions` different questions; `agreed`: the share of the same verdicts.

    `kappa` (Cohen 1960): 1 = always the same, 0 = as often as chance would have it, below 0 = less often. None where it is not
    defined: judge and people gave one and the same verdict throughout. `low`, `high`: 95 % interval, None where it cannot be had.
    """

    kappa: float | None
    agreed: float
    n: int
    questions: int
    low: float | None = None
    high: float | None = None

    @property
    def few(self) -> bool:
        return self.n < FEW


def agreement(
    judged: Mapping[str, str], human: Mapping[str, str], *, questions: Mapping[str, Hashable] | None = None, seed: int = 0
) -> Agreement:
    """Agreement on the votes that both have; values are winners (see `eval.judge.Winner`). Raises InputError when there is none.

    `questions`: vote -> the question it is about (default: each its own). The interval is by the percentile bootstrap over
    questions, since votes on one question stand or fall together; resamples without a kappa are left out.
    """
    from sklearn.metrics import cohen_kappa_score

    shared = [vote for vote in judged if vote in human]
    if not shared:
        raise InputError("No vote was judged both by the judge and by people.", "Vote in the chat, or give --votes FILE.")
    ours, theirs = [judged[vote] for vote in shared], [human[vote] for vote in shared]
    groups = [questions[vote] if questions else vote for vote in shared]
    agreed = sum(one == other for one, other in zip(ours, theirs, strict=True)) / len(shared)
    if len({*ours, *theirs}) == 1:
        return Agreement(None, agreed, len(shared), len(set(groups)))
    one_sided = len(set(ours)) == 1 or len(set(theirs)) == 1  # then kappa is 0 in every resample, which is no certainty
    low, high = (None, None) if one_sided else _interval(ours, theirs, groups, seed)
    return Agreement(float(cohen_kappa_score(ours, theirs)), agreed, len(shared), len(set(groups)), low, high)


def _interval(ours: list[str], theirs: list[str], groups: list[Hashable], seed: int) -> tuple[float | None, float | None]:
    import numpy as np

    names = list(dict.fromkeys(groups))
    if len(names) < 2:
        return None, None
    place = {winner: number for number, winner in enumerate(WINNERS)}
    tables = np.zeros((len(names), len(WINNERS), len(WINNERS)))
    for one, other, group in zip(ours, theirs, groups, strict=True):
        tables[names.index(group), place[one], place[other]] += 1  # type: ignore[index]
    drawn = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), size=RESAMPLES)
    table = np.tensordot(drawn.astype(np.float64), tables, axes=1)
    table /= table.sum(axis=(1, 2), keepdims=True)
    same = np.trace(table, axis1=1, axis2=2)
    chance = (table.sum(axis=2) * table.sum(axis=1)).sum(axis=1)
    known = chance < 1 - 1e-12
    if known.mean() < LEAST:
        return None, None
    low, high = np.percentile((same[known] - chance[known]) / (1 - chance[known]), [2.5, 97.5])
    return float(low), float(high)
