"""Laws of the figures."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from eval.report.svg import KINDS, WIDTH, element, legend, legend_height, mark, spanning

NUMBERS = st.floats(-1e6, 1e6)


@given(st.text(max_size=40), st.text(max_size=40))
def test_words_and_attributes_are_always_escaped(words: str, value: str) -> None:
    made = element("text", words, x=value)
    assert isinstance(made, Markup)
    inside = made.removeprefix("<text").removesuffix("</text>")
    assert inside.count("<") == 0 and inside.count(">") == 1 and inside.count('"') in (0, 2)


@given(st.lists(NUMBERS, min_size=1, max_size=8))
def test_every_value_and_every_tick_lies_on_the_scale(values: list[float]) -> None:
    scale, ticks = spanning(values, 10, 350)
    assert 1 <= len(ticks) <= 8 or max(values) == min(values)
    for value in [*values, *ticks]:
        assert 10 - 1e-6 <= scale(value) <= 350 + 1e-6
    for value in values:
        assert scale.low <= value <= scale.high


@given(NUMBERS, NUMBERS)
def test_a_scale_keeps_the_order(one: float, other: float) -> None:
    scale, _ = spanning([one, other, 0.0], 0, 100)
    assert (one <= other) == (scale(one) <= scale(other)) or abs(one - other) < 1e-6


def test_a_scale_of_nothing_finite_still_stands() -> None:
    scale, ticks = spanning([float("nan"), float("inf")], 0, 100)
    assert ticks and 0 <= scale(0.0) <= 100


def test_marks_differ_in_shape() -> None:
    shapes = {re.sub(r"k\d", "", mark(kind, 0, 0)) for kind in range(KINDS)}
    assert len(shapes) == KINDS


def test_a_legend_takes_the_height_it_says() -> None:
    for names in (["a"] * 5, ["a very long name of an adapter"] * 5):
        kinds = list(enumerate(names))
        below = [float(y) for part in legend(kinds, 100, lines=True) for y in re.findall(r' y="([\d.]+)"', part)]
        assert max(below) < 100 + legend_height(kinds)
        left = [float(x) for part in legend(kinds, 100, lines=True) for x in re.findall(r'<text x="([\d.]+)"', part)]
        assert max(left) < WIDTH
