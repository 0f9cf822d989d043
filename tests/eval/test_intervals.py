"""Bootstrap intervals: known cases and laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.intervals import Bootstrap, Interval

VALUES = st.lists(st.floats(0, 1), min_size=2, max_size=30)


def test_the_mean_of_many_independent_values_has_the_normal_interval() -> None:
    values = np.random.default_rng(1).normal(0.4, 0.2, size=2000)
    found = Bootstrap(range(2000)).mean(list(values))
    half = 1.96 * values.std() / np.sqrt(2000)
    assert found.mean == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.1 * half)


def test_questions_about_one_document_count_as_one_draw() -> None:
    """100 documents with 20 questions that agree: the interval is that of 100 values, not of 2,000."""
    values = np.repeat(np.random.default_rng(2).integers(0, 2, size=100), 20).astype(float)
    clustered = Bootstrap(list(np.repeat(np.arange(100), 20))).mean(list(values))
    half = 1.96 * values.std() / np.sqrt(100)
    assert clustered.high - clustered.low == pytest.approx(2 * half, rel=0.1)
    assert clustered.high - clustered.low > 3.5 * _width(Bootstrap(range(2000)).mean(list(values)))


def test_a_paired_difference_is_narrower_than_two_separate_intervals() -> None:
    first = np.random.default_rng(3).random(300)
    bootstrap = Bootstrap(range(300))
    difference = bootstrap.difference(list(first + 0.05), list(first))
    assert (difference.low, difference.high) == pytest.approx((0.05, 0.05))
    assert difference.excludes_zero
    assert _width(bootstrap.mean(list(first))) > 0.05


@settings(max_examples=25)
@given(VALUES)
def test_the_interval_holds_the_mean_and_stays_within_the_values(values: list[float]) -> None:
    found = Bootstrap(range(len(values)), resamples=200).mean(values)
    assert min(values) - 1e-9 <= found.low <= found.mean <= found.high <= max(values) + 1e-9


def test_the_same_seed_gives_the_same_interval_and_columns_do_not_disturb_each_other() -> None:
    values, others = [0.0, 1.0, 1.0, 0.0], [1.0, 1.0, 0.0, 0.5]
    both = Bootstrap("aabc", resamples=500).means([values, others])
    assert both == [Bootstrap("aabc", resamples=500).mean(values), Bootstrap("aabc", resamples=500).mean(others)]


def test_a_system_against_itself_differs_by_exactly_nothing() -> None:
    assert Bootstrap("abc").difference([1, 0, 1], [1, 0, 1]) == Interval(0, 0, 0)


def test_no_questions_or_too_few_values_are_refused() -> None:
    with pytest.raises(ValueError, match="no questions"):
        Bootstrap([])
    with pytest.raises(ValueError, match="2 questions"):
        Bootstrap("ab").mean([1.0])


def _width(interval: Interval) -> float:
    return interval.high - interval.low
