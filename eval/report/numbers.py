"""Numbers as the reader's language writes them: shares in percent with one decimal, a real minus sign, a comma in Russian."""

from __future__ import annotations

import math

from eval.types import Estimate

MINUS, THIN = "\u2212", "\u202f"
SECONDS = ("first_token", "total", "seconds", "latency")
COUNTS = ("tokens", "words", "characters")


class Numbers:
    """Formats for one language ("en" or "ru"). A value that is no finite number is shown as a dash (or ∞)."""

    def __init__(self, language: str) -> None:
        self._comma = language == "ru"
        self._second = "с" if self._comma else "s"

    def plain(self, value: float, digits: int = 1, *, sign: bool = False) -> str:
        """`digits` decimals, thousands apart; `sign` writes the plus, too."""
        if math.isnan(value):
            return "–"
        words = "∞" if math.isinf(value) else f"{abs(value):,.{digits}f}".replace(",", THIN)
        nothing = not words.strip("0.,")  # -0.04 rounds to 0.0, which has no sign
        before = MINUS if value < 0 and not nothing else "+" if sign and not nothing else ""
        return before + (words.replace(".", ",") if self._comma else words)

    def percent(self, share: float, *, sign: bool = False) -> str:
        """A share in [0, 1] (or a difference of two) in percent, without the unit."""
        return self.plain(100 * share, sign=sign)

    def count(self, value: float) -> str:
        return self.plain(value, 0)

    def seconds(self, value: float) -> str:
        digits = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
        return f"{self.plain(value, digits)} {self._second}"

    def p(self, value: float) -> str:
        """A p-value with three decimals."""
        return ("< 0,001" if self._comma else "< 0.001") if value < 0.001 else self.plain(value, 3)

    def value(self, metric: str, value: float, *, sign: bool = False) -> str:
        """One value of a metric in the unit its name tells: seconds, tokens, else a share in percent."""
        if is_seconds(metric):
            return ("+" if sign and value > 0 else "") + self.seconds(value)
        if metric.endswith(COUNTS):
            return self.plain(value, 0, sign=sign)
        return self.percent(value, sign=sign)

    def tick(self, metric: str, value: float) -> str:
        """A value on an axis, with no more decimals than it needs and without its unit."""
        shown = value if is_seconds(metric) or metric.endswith(COUNTS) else 100 * value
        digits = next((digits for digits in range(4) if abs(round(shown, digits) - shown) < 1e-6), 4)
        return self.plain(shown, digits)

    def bounds(self, low: str, high: str) -> str:
        """Two written numbers in brackets; a semicolon keeps decimal commas apart."""
        return f"[{low}{';' if self._comma else ','} {high}]"

    def interval(self, metric: str, estimate: Estimate, *, sign: bool = False) -> str:
        """The bounds: "[38.5, 53.5]", in Russian "[38,5; 53,5]"."""
        return self.bounds(self.value(metric, estimate.low, sign=sign), self.value(metric, estimate.high, sign=sign))

    def estimate(self, metric: str, estimate: Estimate, *, sign: bool = False) -> str:
        """Mean and bounds: "46.4 [38.5, 53.5]"."""
        return f"{self.value(metric, estimate.mean, sign=sign)} {self.interval(metric, estimate, sign=sign)}"


def is_seconds(metric: str) -> bool:
    """Whether a metric is a time: the lower, the better."""
    return metric.startswith(SECONDS) or metric.endswith(SECONDS)
