"""Tests of paired differences: sign flips of whole documents, exact McNemar, and Holm's correction for several of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FLIPS = 10_000
ENUMERATED = 14
"""Up to so many documents all patterns of signs are tried, and the p-value is exact."""
BLOCK = 2_000_000  # numbers held at once: bounds the memory


def sign_flip(sums: NDArray[np.float64], *, flips: int = FLIPS, seed: int = 0) -> NDArray[np.float64]:
    """(columns,): two-sided p-values of "the mean difference is zero", by flipping the sign of whole documents.

    `sums`: (documents, columns), the sum of each document's paired differences. If it makes no difference which arm a
    document's answers came from, every pattern of signs is equally likely (Fisher 1935; for clusters: Cameron, Gelbach and Miller
    2008), however much the questions of one document agree. With one question per document and a binary metric it is McNemar's
    exact test. Drawn patterns count the observed one, too, so p is never 0 (Phipson and Smyth 2010).
    """
    clusters, columns = sums.shape
    observed = np.abs(sums.sum(axis=0)) - 1e-9 * np.abs(sums).sum(axis=0)  # sums of the same numbers in another order differ a little
    reached = np.zeros(columns)
    patterns = 0
    for signs in _signs(clusters, flips, seed, rows=max(1, BLOCK // (clusters + columns))):
        reached += (np.abs(signs @ sums) >= observed).sum(axis=0)
        patterns += len(signs)
    if clusters <= ENUMERATED:
        return reached / patterns
    return np.asarray((reached + 1) / (patterns + 1))


def _signs(clusters: int, flips: int, seed: int, *, rows: int) -> Iterator[NDArray[np.float64]]:
    """(rows, documents) of -1 and 1, block by block; when all are tried, up to a common sign, which a two-sided test does not see."""
    generator = np.random.default_rng(seed)
    total = 2 ** (clusters - 1) if clusters <= ENUMERATED else flips
    for start in range(0, total, rows):
        numbers = np.arange(start, min(start + rows, total))
        if clusters <= ENUMERATED:
            yield np.where((numbers[:, None] >> np.arange(clusters)) & 1, -1.0, 1.0)
        else:
            yield np.where(generator.random((len(numbers), clusters)) < 0.5, -1.0, 1.0)


def mcnemar(differences: Sequence[float]) -> float:
    """Exact two-sided p-value (McNemar 1947) of a binary metric's paired differences, each -1, 0 or 1.

    It takes every question for independent: where several are about one document, it finds differences that are not there.
    """
    from statsmodels.stats.contingency_tables import mcnemar as test

    wins, losses = sum(each > 0 for each in differences), sum(each < 0 for each in differences)
    if not wins + losses:
        return 1.0
    return float(test([[0, wins], [losses, 0]], exact=True).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values such that the chance of any false finding among them stays at the level of one (Holm 1979).

    As statsmodels' `multipletests` has it, which collects garbage twice at every call: seconds in a process that holds models.
    """
    given = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(given)
    raised = np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1))
    found = np.empty_like(given)
    found[order] = np.minimum(raised, 1.0)
    return [float(p) for p in found]
