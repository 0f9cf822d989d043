"""The token bucket, and who is let through by it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ui.guard.rate import MOST, Buckets


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_holds_a_minute_and_refills_evenly() -> None:
    clock = Clock()
    buckets = Buckets(60, clock)
    assert [buckets.take("a") for _ in range(60)] == [0.0] * 60
    assert 0 < buckets.take("a") <= 1
    assert buckets.take("b") == 0.0
    clock.now += 1.001
    assert buckets.take("a") == 0.0
    assert buckets.take("a") > 0


def test_no_limit_is_no_limit() -> None:
    assert all(Buckets(0).take("a") == 0 for _ in range(1000))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 5), min_size=1, max_size=300), st.integers(1, 200))
def test_never_more_than_a_bucket_and_what_flowed_in_since(gaps: list[float], per_minute: int) -> None:
    clock = Clock()
    buckets = Buckets(per_minute, clock)
    through = 0
    for gap in gaps:
        clock.now += gap
        through += buckets.take("a") == 0
        assert through <= per_minute + clock.now * per_minute / 60 + 1e-6


def test_memory_is_bounded() -> None:
    clock = Clock()
    buckets = Buckets(10, clock)
    for number in range(3 * MOST):
        clock.now += 0.1
        buckets.take(str(number))
    assert len(buckets._levels) <= MOST
