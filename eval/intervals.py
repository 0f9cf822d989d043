"""Confidence intervals by the bootstrap over documents: questions about one document stand or fall together."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

RESAMPLES = 10_000
BLOCK = 4_000_000  # weights drawn at once: bounds the memory


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with the bounds of its 95 % interval."""

    mean: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0


class Bootstrap:
    """Means and paired differences over the same questions, all from the same resamples.

    Clusters (documents) are drawn with replacement and bring all their questions along; the statistic is the mean over the
    drawn questions; the interval is the percentile one (Efron and Tibshirani 1993, ch. 8 and 13). With few clusters (under
    about 20) it is too narrow.
    """

    def __init__(self, clusters: Sequence[Hashable], *, resamples: int = RESAMPLES, seed: int = 0) -> None:
        """`clusters`: one key per question. Raises ValueError when there are none."""
        if not clusters:
            raise ValueError("no questions to resample")
        numbers: dict[Hashable, int] = {}
        self._members = np.array([numbers.setdefault(key, len(numbers)) for key in clusters], dtype=np.intp)
        self._sizes = np.bincount(self._members).astype(np.float64)
        self.clusters = len(numbers)
        self._resamples, self._seed = resamples, seed

    def mean(self, values: Sequence[float]) -> Interval:
        """Of one value per question, in the order of `clusters`."""
        return self.means([values])[0]

    def difference(self, values: Sequence[float], others: Sequence[float]) -> Interval:
        """Mean of values - others, question by question."""
        return self.mean([one - other for one, other in zip(values, others, strict=True)])

    def means(self, columns: Sequence[Sequence[float]]) -> list[Interval]:
        """`mean` of several columns at once."""
        table = np.asarray(columns, dtype=np.float64)
        if table.shape != (len(columns), len(self._members)):
            raise ValueError(f"{table.shape} values for {len(self._members)} questions")
        sums = np.zeros((self.clusters, len(columns)))
        np.add.at(sums, self._members, table.T)
        drawn = self._drawn(sums)
        low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
        return [
            Interval(float(m), min(float(a), float(m)), max(float(b), float(m)))
            for m, a, b in zip(table.mean(axis=1), low, high, strict=True)
        ]

    def _drawn(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """(resamples, columns): the mean of each resample."""
        generator = np.random.default_rng(self._seed)
        rows = max(1, BLOCK // self.clusters)
        parts = []
        for start in range(0, self._resamples, rows):
            weights = generator.multinomial(
                self.clusters, np.full(self.clusters, 1 / self.clusters), size=min(rows, self._resamples - start)
            )
            parts.append((weights @ sums) / (weights @ self._sizes)[:, None])
        return np.concatenate(parts)
