"""Stop strings in a stream: text is let through up to the first stop string, which never shows, not even in part."""

from __future__ import annotations

from collections.abc import Sequence


class StopFilter:
    """Feed it pieces; it holds back only what may still become a stop string."""

    def __init__(self, stops: Sequence[str]) -> None:
        self.stops = tuple(stop for stop in stops if stop)
        self.stopped = False
        self._held = ""

    def feed(self, piece: str) -> str:
        """What can be shown now. After a stop string, `stopped` is true and everything is swallowed."""
        if self.stopped:
            return ""
        self._held += piece
        found = [at for stop in self.stops if (at := self._held.find(stop)) >= 0]
        if found:
            self.stopped = True
            shown, self._held = self._held[: min(found)], ""
            return shown
        keep = max((self._overlap(stop) for stop in self.stops), default=0)
        cut = len(self._held) - keep
        shown, self._held = self._held[:cut], self._held[cut:]
        return shown

    def rest(self) -> str:
        """What was held back when the text ended without a stop string."""
        shown, self._held = self._held, ""
        return shown

    def _overlap(self, stop: str) -> int:
        longest = min(len(stop) - 1, len(self._held))
        return next((size for size in range(longest, 0, -1) if self._held.endswith(stop[:size])), 0)
