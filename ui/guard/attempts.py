"""Wrong passwords: after a few, the next try has to wait, twice as long each time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

FREE = {"pair": 4, "address": 12, "name": 40}
"""Wrong tries before waiting begins: of one address for one name, of one address for any name, and of the world for one name. The
last is high, or anybody could lock anybody out."""
LONGEST = 900.0
FORGET = 3600.0
"""Seconds without a try after which a key starts anew."""
MOST = 10_000


@dataclass(slots=True)
class Tries:
    count: int = 0
    until: float = 0.0
    last: float = 0.0


@dataclass(slots=True)
class Attempts:
    """Who tried how often. A try counts when it begins, so that many at once gain nothing."""

    clock: Callable[[], float] = time.monotonic
    _tries: dict[tuple[str, ...], Tries] = field(default_factory=dict)

    def begin(self, address: str, name: str) -> float:
        """0: go on, and the try is counted; else the seconds that have to pass first."""
        now = self.clock()
        found = [(kind, self._tries.get(key)) for kind, key in _keys(address, name)]
        wait = max((tries.until - now for _, tries in found if tries), default=0.0)
        if wait > 0:
            return wait
        self._forget(now)
        for kind, key in _keys(address, name):
            tries = self._tries.setdefault(key, Tries())
            tries.count, tries.last = tries.count + 1, now
            over = tries.count - FREE[kind]
            if over >= 0:
                tries.until = now + min(LONGEST, 2.0 ** min(over, 20))
        return 0.0

    def passed(self, address: str, name: str) -> None:
        """The password was right: this person starts anew; what the address did under other names still counts."""
        for kind, key in _keys(address, name):
            if kind == "address":
                tries = self._tries[key]
                tries.count, tries.until = tries.count - 1, 0.0
            else:
                self._tries.pop(key, None)

    def _forget(self, now: float) -> None:
        if len(self._tries) < MOST:
            return
        kept = {key: tries for key, tries in self._tries.items() if now - tries.last < FORGET}
        oldest_first = sorted(kept.items(), key=lambda item: item[1].last)
        self._tries = dict(oldest_first[-MOST // 2 :])


def _keys(address: str, name: str) -> list[tuple[str, tuple[str, ...]]]:
    name = name.casefold()[:64]
    return [("pair", ("pair", address, name)), ("address", ("address", address)), ("name", ("name", name))]
