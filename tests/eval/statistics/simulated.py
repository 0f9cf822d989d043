"""Simulated evaluations: questions that agree within their document, a known effect, documents of unequal sizes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SIZES = (1, 2, 2, 3, 3, 4, 5, 5, 6, 8, 9, 12, 14, 4, 6)
"""Questions about each of 15 documents."""


def members(sizes: tuple[int, ...] = SIZES) -> list[int]:
    """The document of each question."""
    return [document for document, size in enumerate(sizes) for _ in range(size)]


def differences(
    runs: int, effect: float, *, seed: int, sizes: tuple[int, ...] = SIZES, shared: float = 0.2, own: float = 0.3
) -> NDArray[np.float64]:
    """(runs, questions) of paired differences with mean `effect`; `shared` and `own`: deviations by document and by question."""
    generator = np.random.default_rng(seed)
    by_document = generator.normal(0, shared, (runs, len(sizes)))
    return np.asarray(effect + by_document[:, members(sizes)] + generator.normal(0, own, (runs, sum(sizes))))


def right_or_wrong(runs: int, share: float, *, seed: int, sizes: tuple[int, ...] = SIZES) -> NDArray[np.float64]:
    """(runs, questions) of 0 and 1 with mean `share`; documents are easier or harder (beta distributed)."""
    generator = np.random.default_rng(seed)
    easy = generator.beta(4 * share, 4 * (1 - share), (runs, len(sizes)))
    return np.asarray(generator.random((runs, sum(sizes))) < easy[:, members(sizes)], dtype=float)


def held(low: NDArray[np.float64], high: NDArray[np.float64], true: float) -> float:
    """Share of the intervals that hold the true value."""
    return float(np.mean((low <= true) & (true <= high)))
