"""Confidence intervals by the bootstrap over documents: questions about one document stand or fall together."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

RESAMPLES = 10_000
BLOCK = 4_000_000  # weights drawn at once: bounds the memory
FEW = 10
"""Documents below which resampling them says too little: the interval is then at least Student's."""


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
    drawn questions. The plain percentile interval is too narrow with few documents (with 10 of unequal sizes it holds the true
    mean 85-90 times in 100), so its percentiles are moved outwards as far as Student's t with the same standard error would be
    (Hesterberg 2015, "expanded percentiles"), with the standard error and the degrees of freedom of Bell and McCaffrey (2002),
    which allow for unequal documents. Measured: 94-96 times in 100 from 10 documents on, unless the values are very lopsided
    (a share near 0 or 1 that differs wildly between documents: 87-93 with 10-30 documents).
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

    def means(self, columns: Sequence[Sequence[float]] | NDArray[np.float64], *, level: float = 0.95) -> list[Interval]:
        """`mean` of several columns at once; `level`: how often the interval shall hold the true mean."""
        return self.intervals(columns, levels=(level,))[0]

    def intervals(self, columns: Sequence[Sequence[float]] | NDArray[np.float64], *, levels: Sequence[float]) -> list[list[Interval]]:
        """`means` for several levels, from the same resamples."""
        sums = self.sums(columns)
        table = np.asarray(columns, dtype=np.float64)
        drawn = np.sort(self._drawn(sums), axis=0)
        middle = sums.sum(axis=0) / self._sizes.sum()
        least, most = table.min(axis=1), table.max(axis=1)
        found = []
        for level in levels:
            low, high = self._bounds(drawn, sums, level)
            if self.clusters < FEW:  # never beyond the values that were seen
                low = np.maximum(np.minimum(low, middle - self.reach(sums, level)), least)
                high = np.minimum(np.maximum(high, middle + self.reach(sums, level)), most)
            bounds = zip(middle, np.minimum(low, middle), np.maximum(high, middle), strict=True)
            found.append([Interval(*map(float, each)) for each in bounds])
        return found

    def sums(self, columns: Sequence[Sequence[float]] | NDArray[np.float64]) -> NDArray[np.float64]:
        """(documents, columns): the sum of each document's values. Raises ValueError when a column has not one value per question."""
        table = np.asarray(columns, dtype=np.float64)
        if table.shape != (len(columns), len(self._members)):
            raise ValueError(f"{table.shape} values for {len(self._members)} questions")
        sums = np.zeros((self.clusters, len(columns)))
        np.add.at(sums, self._members, table.T)
        return sums

    def errors(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """(columns,): standard error of each mean, robust to clusters and corrected for few of them (CR2: Bell and McCaffrey 2002).

        `sums`: as `sums` returns them. Zero with a single document: it says nothing about others.
        """
        if self.clusters == 1:
            return np.zeros(sums.shape[1])
        inflated = self._residuals(sums) ** 2 / (1 - self._shares)[:, None]
        return np.asarray(np.sqrt(inflated.sum(axis=0)) / self._sizes.sum())

    @cached_property
    def degrees(self) -> float:
        """Degrees of freedom of `errors`: documents - 1 when all have as many questions, fewer otherwise (Bell and McCaffrey 2002)."""
        if self.clusters == 1:
            return 0.0
        squared = 1 / (1 - self._shares)
        own = squared * self._sizes
        total = own.sum() - (squared * self._sizes**2).sum() / self._sizes.sum()
        cross = (squared * self._sizes**2).sum() / self._sizes.sum()
        spread = (own**2).sum() - 2 * (own**2 * self._shares).sum() + cross**2
        return float(total**2 / spread)

    def reach(self, sums: NDArray[np.float64], level: float) -> NDArray[np.float64]:
        """(columns,): half of Student's interval; infinite with a single document."""
        from scipy.stats import t

        if self.clusters == 1:
            return np.full(sums.shape[1], np.inf)
        return np.asarray(t.ppf((1 + level) / 2, self.degrees) * self.errors(sums))

    @property
    def _shares(self) -> NDArray[np.float64]:
        return np.asarray(self._sizes / self._sizes.sum())

    def _residuals(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(sums - np.outer(self._sizes, sums.sum(axis=0) / self._sizes.sum()))

    def _bounds(
        self, drawn: NDArray[np.float64], sums: NDArray[np.float64], level: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """`drawn`: sorted. The percentiles differ by column, as the correction does."""
        from scipy.stats import norm

        plain = np.sqrt((self._residuals(sums) ** 2).sum(axis=0)) / self._sizes.sum()
        wide = self.reach(sums, level)
        z = np.where(plain > 0, wide / np.where(plain > 0, plain, 1.0), 0.0)
        position = norm.cdf(-z) * (len(drawn) - 1)
        return _at(drawn, position), _at(drawn, len(drawn) - 1 - position)

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


def _at(drawn: NDArray[np.float64], position: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each column of a sorted table at its own, possibly fractional, row."""
    low = np.clip(np.floor(position).astype(np.intp), 0, len(drawn) - 1)
    high = np.minimum(low + 1, len(drawn) - 1)
    columns = np.arange(drawn.shape[1])
    share = position - low
    return np.asarray(drawn[low, columns] * (1 - share) + drawn[high, columns] * share)
