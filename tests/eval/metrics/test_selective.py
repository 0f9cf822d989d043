"""Risk, coverage and the area under the curve."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.metrics.selective import aurc, risk_coverage

ROWS = st.lists(st.tuples(st.sampled_from([0.1, 0.5, 0.9]), st.floats(0, 1)), min_size=1, max_size=12)


def test_known_curve() -> None:
    curve = risk_coverage([0.9, 0.8, 0.7, 0.6], [0, 1, 0, 1])
    assert [coverage for coverage, _ in curve] == [0.25, 0.5, 0.75, 1]
    assert [risk for _, risk in curve] == pytest.approx([0, 1 / 2, 1 / 3, 1 / 2])
    assert aurc([0.9, 0.8, 0.7, 0.6], [0, 1, 0, 1]) == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)


def test_equal_confidences_are_one_point_since_no_threshold_parts_them() -> None:
    ((coverage, risk),) = risk_coverage([1, 1, 1], [0, 1, 1])
    assert (coverage, risk) == (1, 2 / 3)
    assert aurc([1, 1, 1], [0, 1, 1]) == pytest.approx(2 / 3)


@given(ROWS)
def test_the_area_does_not_depend_on_the_order_of_the_questions(rows: list[tuple[float, float]]) -> None:
    shuffled = random.Random(0).sample(rows, len(rows))
    assert aurc(*map(list, zip(*rows, strict=True))) == pytest.approx(aurc(*map(list, zip(*shuffled, strict=True))))


@given(ROWS)
def test_coverage_rises_to_1_and_ends_at_the_mean_loss(rows: list[tuple[float, float]]) -> None:
    sure, losses = [row[0] for row in rows], [row[1] for row in rows]
    curve = risk_coverage(sure, losses)
    assert [point[0] for point in curve] == sorted({point[0] for point in curve})
    assert curve[-1][0] == 1
    assert curve[-1][1] == pytest.approx(sum(losses) / len(losses))
    assert all(-1e-9 <= risk <= 1 + 1e-9 for _, risk in curve)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_no_order_is_better_than_that_by_loss(losses: list[float]) -> None:
    best = aurc([-loss for loss in losses], losses)
    assert best <= aurc(list(range(len(losses))), losses) + 1e-9
    assert best <= sum(losses) / len(losses) + 1e-9


def test_of_no_questions_there_is_no_area() -> None:
    with pytest.raises(ValueError, match="no questions"):
        aurc([], [])
