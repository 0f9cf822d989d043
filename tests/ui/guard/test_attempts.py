"""Wrong passwords make the next try wait."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from ui.guard.attempts import FREE, LONGEST, MOST, Attempts


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def tries(attempts: Attempts, count: int, address: str = "10.0.0.1", name: str = "anna") -> list[float]:
    return [attempts.begin(address, name) for _ in range(count)]


def test_a_few_wrong_tries_are_free_and_then_each_waits_twice_as_long() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    assert tries(attempts, FREE["pair"]) == [0.0] * FREE["pair"]
    waits = []
    for _ in range(14):
        waits.append(attempts.begin("10.0.0.1", "anna"))
        clock.now += waits[-1]
        assert attempts.begin("10.0.0.1", "anna") == 0.0
    assert waits[0] > 0
    assert all(later == min(LONGEST, 2 * earlier) for earlier, later in pairwise(waits))
    assert waits[-1] == LONGEST


def test_many_at_once_gain_nothing() -> None:
    attempts = Attempts(Clock())
    assert sum(wait == 0 for wait in tries(attempts, 100)) == FREE["pair"]


def test_one_address_cannot_try_many_names_nor_many_addresses_one_name() -> None:
    attempts = Attempts(Clock())
    assert sum(attempts.begin("10.0.0.1", f"name{number}") == 0 for number in range(200)) == FREE["address"]
    attempts = Attempts(Clock())
    assert sum(attempts.begin(f"10.0.0.{number}", "anna") == 0 for number in range(200)) == FREE["name"]


def test_somebody_elses_wrong_tries_do_not_lock_a_person_out() -> None:
    attempts = Attempts(Clock())
    tries(attempts, 20, address="10.6.6.6")
    assert attempts.begin("10.0.0.1", "anna") == 0.0


def test_the_right_password_starts_anew() -> None:
    attempts = Attempts(Clock())
    tries(attempts, FREE["pair"] - 1)
    attempts.passed("10.0.0.1", "anna")
    assert tries(attempts, FREE["pair"]) == [0.0] * FREE["pair"]


def test_memory_is_bounded_and_who_tried_last_is_remembered() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    for number in range(MOST):
        clock.now += 0.01
        attempts.begin(f"10.{number // 65536}.{number // 256 % 256}.{number % 256}", f"name{number}")
    assert len(attempts._tries) <= MOST + 3
    tries(attempts, 20, name="last")
    assert attempts.begin("10.0.0.1", "last") > 0
