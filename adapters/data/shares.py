"""How many examples of each kind: the shares of the settings, as far as there are pairs."""

from __future__ import annotations

from dataclasses import dataclass

ROUNDING = 1e-9  # 0.29 * 100 is 28.999999999999996


@dataclass(frozen=True, slots=True)
class Supply:
    """Pairs that can become each kind: `gold`, of which `both` could be absent instead; `absent` can be nothing else."""

    gold: int
    both: int
    absent: int
    unanswerable: int


@dataclass(frozen=True, slots=True)
class Counts:
    gold: int
    absent: int
    unanswerable: int

    @property
    def all(self) -> int:
        return self.gold + self.absent + self.unanswerable


def allot(supply: Supply, limit: int, *, absent: float, unanswerable: float) -> Counts:
    """The largest set of at most `limit` examples in which neither kind of refusal exceeds its share.

    Each share is met to within one example when there are pairs enough for it, and gold examples fill the rest.
    """
    for whole in range(min(limit, supply.gold + supply.absent + supply.unanswerable), 0, -1):
        gone = min(int(absent * whole + ROUNDING), supply.absent + supply.both)
        never = min(int(unanswerable * whole + ROUNDING), supply.unanswerable)
        rest = whole - gone - never
        if 0 <= rest <= supply.gold - max(0, gone - supply.absent):
            return Counts(rest, gone, never)
    return Counts(0, 0, 0)
