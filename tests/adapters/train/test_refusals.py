"""How readily an adapter refuses: laws of the offset that is chosen on held-back questions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.train.refusals import LEAST_ANSWERABLE, LEAST_UNANSWERABLE, Reading, measures, offset_of

MARGINS = st.floats(-8, 8, allow_nan=False)
ANSWERABLE = st.builds(lambda margin, worth: Reading("a", True, margin, worth, 0.0), MARGINS, st.floats(0, 1))
UNANSWERABLE = st.builds(lambda margin: Reading("u", False, margin, 0.0, 1.0), MARGINS)
MANY = st.tuples(
    st.lists(ANSWERABLE, min_size=LEAST_ANSWERABLE, max_size=60), st.lists(UNANSWERABLE, min_size=LEAST_UNANSWERABLE, max_size=60)
)


@given(MANY, st.floats(0, 1))
def test_never_more_of_the_answerable_are_refused_than_allowed(kinds: tuple[list[Reading], list[Reading]], allowed: float) -> None:
    found = measures([*kinds[0], *kinds[1]], offset_of([*kinds[0], *kinds[1]], over_refusal=allowed))
    assert found["over_refused"] <= allowed + 1e-12


@given(MANY, st.floats(-8, 8))
def test_no_other_allowed_offset_is_worth_more(kinds: tuple[list[Reading], list[Reading]], other: float) -> None:
    readings = [*kinds[0], *kinds[1]]
    best = measures(readings, offset_of(readings, over_refusal=0.2))
    tried = measures(readings, other)
    assert tried["over_refused"] > 0.2 or tried["score"] <= best["score"] + 1e-9


@given(MANY, st.randoms(use_true_random=False))
def test_the_order_of_the_questions_plays_no_part(kinds: tuple[list[Reading], list[Reading]], rng: object) -> None:
    readings = [*kinds[0], *kinds[1]]
    shuffled = sorted(readings, key=lambda reading: hash((reading, str(rng))))
    one, other = offset_of(readings, over_refusal=0.1), offset_of(shuffled, over_refusal=0.1)
    assert measures(readings, one)["score"] == pytest.approx(measures(readings, other)["score"])


def test_an_over_shy_model_is_made_to_answer_and_one_that_never_refuses_to_refuse() -> None:
    apart = [Reading("a", True, -1.0 + number / 100, 0.8, 0.0) for number in range(40)]
    without = [Reading("u", False, 2.0 + number / 100, 0.0, 1.0) for number in range(40)]
    for shift in (-5.0, 0.0, 5.0):
        moved = [Reading(each.pair, each.answerable, each.margin + shift, each.answered, each.refused) for each in (*apart, *without)]
        found = measures(moved, offset_of(moved, over_refusal=0.1))
        assert (round(found["answered"], 9), found["refused"], found["over_refused"]) == (0.8, 1.0, 0.0)


FEW_ANSWERABLE = st.tuples(st.lists(ANSWERABLE, min_size=1, max_size=LEAST_ANSWERABLE - 1), st.lists(UNANSWERABLE, max_size=60))
FEW_UNANSWERABLE = st.tuples(
    st.lists(ANSWERABLE, min_size=LEAST_ANSWERABLE, max_size=60), st.lists(UNANSWERABLE, max_size=LEAST_UNANSWERABLE - 1)
)


@given(FEW_ANSWERABLE | FEW_UNANSWERABLE, st.floats(0, 1))
def test_few_questions_give_one_only_where_too_many_would_be_refused(kinds: tuple[list[Reading], list[Reading]], allowed: float) -> None:
    readings = [*kinds[0], *kinds[1]]
    offset, before = offset_of(readings, over_refusal=allowed), measures(readings, 0.0)["over_refused"]
    assert offset <= 0 and measures(readings, offset)["over_refused"] <= allowed + 1e-12
    assert (offset == 0) == (before <= allowed)


def test_without_an_answerable_question_there_is_none() -> None:
    assert offset_of([Reading("u", False, 2.0, 0.0, 1.0)] * 30, over_refusal=0.1) == offset_of([], over_refusal=0.1) == 0.0


def test_measures_without_questions_and_of_one_kind_only() -> None:
    assert measures([], 0.0) == {"score": 0.0, "offset": 0.0}
    assert measures([Reading("a", True, -1.0, 0.5, 0.0)], 0.0) == {"score": 0.5, "answered": 0.5, "over_refused": 0.0, "offset": 0.0}
