"""Elements of an inline SVG figure: escaped text, axes with round ticks, and the marks that tell the arms apart without colour."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from eval.report.visible import visible

WIDTH = 360
"""Of every figure, in its own units: on a phone about as many pixels, so that a text of 13 is read there; at most 460 px elsewhere."""
KINDS = 8
"""Dashes and marks before they repeat."""
COLOURS = 9
"""Of style.css (k0 to k8); parts of a bar have letters besides."""
DASHES = ("", "7 3", "2 3", "9 3 2 3", "5 2", "1 2", "12 4", "4 4 1 4")
LINE = 19  # height of a line of a legend
SHORT = 18  # letters that fit into half of the width


def element(name: str, *children: Markup | str, **attributes: object) -> Markup:
    """``element("text", words, x=3, text_anchor="end")``: `_` in a name is `-`, a trailing one is dropped; text is escaped."""
    written = [f' {key.rstrip("_").replace("_", "-")}="{escape(_short(value))}"' for key, value in attributes.items() if value != ""]
    inside = "".join(str(child) if isinstance(child, Markup) else str(escape(visible(child))) for child in children)
    return Markup(f"<{name}{''.join(written)}>{inside}</{name}>")  # its parts are escaped above


def _short(value: object) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else visible(str(value))


def figure(name: str, height: float, *, title: str, described: str, parts: Iterable[Markup]) -> Markup:
    """A whole figure; `described` says in words what it shows, for those who do not see it."""
    head = (element("title", title, id=f"{name}-title"), element("desc", described, id=f"{name}-desc"))
    return element(
        "svg", *head, *parts, viewBox=f"0 0 {WIDTH} {math.ceil(height)}", role="img", aria_labelledby=f"{name}-title {name}-desc"
    )


def text(words: str, x: float, y: float, *, anchor: str = "start", class_: str = "") -> Markup:
    return element("text", words, x=x, y=y, text_anchor="" if anchor == "start" else anchor, class_=class_)


def line(x1: float, y1: float, x2: float, y2: float, *, class_: str = "", dash: str = "") -> Markup:
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_, stroke_dasharray=dash)


@dataclass(frozen=True, slots=True)
class Scale:
    """Values `low`..`high` on the pixels `start`..`end` (which may run backwards, as a y axis does)."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def spanning(values: Sequence[float], start: float, end: float, *, most: int = 6, room: float = 0.04) -> tuple[Scale, list[float]]:
    """A scale over the finite values, and round ticks on it (steps of 1, 2 or 5 times a power of ten)."""
    finite = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(finite), max(finite)
    gap = (high - low) or abs(high) or 1.0
    low, high = (low - room * gap if low else low), (high + room * gap if high else high)
    if low == high:
        high = low + 1
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(size * power for size in (1, 2, 5, 10) if size * power >= rough)
    ticks = [n * step for n in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
    return Scale(low, high, start, end), ticks


def mark(kind: int, x: float, y: float, size: float = 5) -> Markup:
    """The mark of the arm number `kind`: a colour and a shape of its own."""
    corners = _corners(kind % KINDS, size)
    class_ = f"mark k{kind % KINDS}"
    if not corners:
        return element("circle", cx=x, cy=y, r=size, class_=class_)
    return element("polygon", points=" ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in corners), class_=class_)


def _corners(kind: int, size: float) -> list[tuple[float, float]]:
    """Of the shape around (0, 0); none for the circle."""
    s, third = size, size / 3
    shapes: list[list[tuple[float, float]]] = [
        [],
        [(-s, -s), (s, -s), (s, s), (-s, s)],
        [(0, -1.2 * s), (1.2 * s, s), (-1.2 * s, s)],
        [(0, -1.4 * s), (1.4 * s, 0), (0, 1.4 * s), (-1.4 * s, 0)],
        [(0, 1.2 * s), (1.2 * s, -s), (-1.2 * s, -s)],
        [(0, -1.3 * s), (1.3 * s, 0), (s, s), (-s, s), (-1.3 * s, 0)],
        [(s * math.cos(a), s * math.sin(a)) for a in (math.pi * (0.4 * n - 0.5) for n in range(5))],
        [(-s, -s), (0, -third), (s, -s), (third, 0), (s, s), (0, third), (-s, s), (-third, 0)],
    ]
    return shapes[kind]


def legend(kinds: Sequence[tuple[int, str]], y: float, *, lines: bool) -> list[Markup]:
    """Each arm's mark (on its line) and words, from `y` down; in two columns where the words are short. See `legend_height`."""
    parts, columns = [], _columns(kinds)
    for number, (kind, words) in enumerate(kinds):
        left, at = (number % columns) * WIDTH / 2, y + number // columns * LINE
        if lines:
            parts.append(line(left + 4, at - 4, left + 34, at - 4, class_=f"curve k{kind % KINDS}", dash=DASHES[kind % KINDS]))
        parts += [mark(kind, left + 19, at - 4, 4), text(words, left + 42, at)]
    return parts


def legend_height(kinds: Sequence[tuple[int, str]]) -> int:
    return -(-len(kinds) // _columns(kinds)) * LINE


def _columns(kinds: Sequence[tuple[int, str]]) -> int:
    return 2 if all(len(words) <= SHORT for _, words in kinds) else 1


def swatch(kind: int) -> Markup:
    """An arm's mark, for a table's row; it means nothing on its own, so it is hidden from readers of the screen."""
    return element("svg", mark(kind, 8, 8), viewBox="0 0 16 16", class_="swatch", aria_hidden="true")
