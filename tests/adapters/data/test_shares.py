"""The shares of refusals."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from adapters.data.shares import Counts, Supply, allot

AMOUNT = st.integers(0, 300)


@given(st.builds(Supply, AMOUNT, st.just(0), AMOUNT, AMOUNT), st.integers(0, 400), st.floats(0, 0.45), st.floats(0, 0.45))
def test_no_kind_exceeds_its_share_or_its_supply(supply: Supply, limit: int, absent: float, unanswerable: float) -> None:
    counts = allot(supply, limit, absent=absent, unanswerable=unanswerable)
    assert counts.all <= limit
    assert counts.absent <= absent * counts.all + 1e-6 and counts.absent <= supply.absent
    assert counts.unanswerable <= unanswerable * counts.all + 1e-6 and counts.unanswerable <= supply.unanswerable
    assert counts.gold <= supply.gold


@given(st.integers(1, 400), st.floats(0, 0.45), st.floats(0, 0.45))
def test_shares_are_met_to_within_one_example_when_there_is_enough(limit: int, absent: float, unanswerable: float) -> None:
    counts = allot(Supply(400, 400, 0, 400), limit, absent=absent, unanswerable=unanswerable)
    assert counts.all == limit
    assert abs(counts.absent - absent * limit) < 1
    assert abs(counts.unanswerable - unanswerable * limit) < 1


def test_a_pair_is_not_used_twice() -> None:
    assert allot(Supply(10, 10, 0, 0), 100, absent=0.3, unanswerable=0.2) == Counts(7, 3, 0)
    assert allot(Supply(7, 0, 5, 0), 100, absent=0.3, unanswerable=0.2) == Counts(7, 3, 0)


def test_refusals_alone_are_no_training_set() -> None:
    assert allot(Supply(0, 0, 50, 50), 100, absent=0.2, unanswerable=0.3).all == 0
