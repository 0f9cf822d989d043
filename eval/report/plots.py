"""The other figures: risk-coverage curves, calibration, quality against latency, stacked causes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from eval.report.svg import COLOURS, DASHES, KINDS, LINE, WIDTH, Scale, element, figure, legend, legend_height, line, mark, spanning, text

LEFT, RIGHT, TOP, BOTTOM = 34, WIDTH - 14, 26, 230
POINTS = 100
"""Of one curve, at most: more cannot be seen at this size."""
Curve = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Axes:
    """What the axes say; `shown_x` and `shown_y` write a tick."""

    x: str
    y: str
    shown_x: Callable[[float], str]
    shown_y: Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Point:
    """An arm in the plane of latency and quality; `best`: no other arm is both faster and better."""

    kind: int
    words: str
    x: float
    y: float
    low: float
    high: float
    best: bool


@dataclass(frozen=True, slots=True)
class Bin:
    """Questions of nearly the same evidence score: their mean score, the share that is answerable with its interval, how many."""

    score: float
    share: float
    low: float
    high: float
    n: int


def curves(kinds: Mapping[str, int], points: Mapping[str, Curve], axes: Axes, *, title: str, told: str) -> Markup:
    """Risk over coverage, one line an arm; `kinds`: arm -> its number."""
    x = Scale(0, 1, LEFT, RIGHT)
    y, ticks = spanning([0.0, *(risk for curve in points.values() for _, risk in curve)], BOTTOM, TOP)
    parts = _axes(axes, x, y, [0, 0.25, 0.5, 0.75, 1], ticks)
    for arm, curve in points.items():
        drawn = [(x(coverage), y(risk)) for coverage, risk in _thinned(curve)]
        kind = kinds[arm] % KINDS
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in drawn)
        parts.append(element("polyline", points=path, class_=f"curve k{kind}", stroke_dasharray=DASHES[kind]))
        parts.append(mark(kind, *drawn[-1], 4))
    named = [(kinds[arm], arm) for arm in points]
    parts += legend(named, BOTTOM + 62, lines=True)
    return figure("curves", BOTTOM + 52 + legend_height(named), title=title, described=told, parts=parts)


def calibration(bins: Sequence[Bin], threshold: float, axes: Axes, *, title: str, said: tuple[str, str]) -> Markup:
    """Evidence score against the share that is answerable; `said`: the threshold's label, and the description."""
    x, y = Scale(0, 1, LEFT, RIGHT), Scale(0, 1, BOTTOM, TOP)
    parts = [*_axes(axes, x, y, [0, 0.25, 0.5, 0.75, 1], [0, 0.25, 0.5, 0.75, 1]), line(x(0), y(0), x(1), y(1), class_="axis", dash="4 4")]
    if threshold > 0:
        right = threshold < 0.6  # on which side of the line its label has room
        parts.append(line(x(threshold), y(0), x(threshold), y(1), class_="threshold", dash="7 3"))
        at = x(threshold) + (5 if right else -5)
        parts.append(text(said[0], at, BOTTOM - 8, anchor="start" if right else "end", class_="halo"))
    for each in bins:
        at = x(each.score)
        parts += [line(at, y(each.low), at, y(each.high), class_="whisker"), mark(0, at, y(each.share))]
    return figure("calibration", BOTTOM + 44, title=title, described=said[1], parts=parts)


def scatter(points: Sequence[Point], axes: Axes, *, title: str, told: str) -> Markup:
    """Quality over latency; a ring around those that no other arm beats in both."""
    x, ticks_x = spanning([0.0, *(point.x for point in points)], LEFT, RIGHT, most=5, room=0.08)
    y, ticks_y = spanning([value for point in points for value in (point.low, point.high)], BOTTOM, TOP)
    parts = _axes(axes, x, y, ticks_x, ticks_y)
    front = sorted((point.x, point.y) for point in points if point.best)
    path = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in front)
    parts.append(element("polyline", points=path, class_="front", stroke_dasharray="2 4"))
    for point in points:
        at = x(point.x), y(point.y)
        parts.append(line(at[0], y(point.low), at[0], y(point.high), class_="whisker thin"))
        if point.best:
            parts.append(element("circle", cx=at[0], cy=at[1], r=10.0, class_="ring"))
        parts.append(mark(point.kind, *at))
    named = [(point.kind, point.words) for point in points]
    parts += legend(named, BOTTOM + 62, lines=False)
    return figure("scatter", BOTTOM + 52 + legend_height(named), title=title, described=told, parts=parts)


def stacks(bars: Sequence[tuple[str, Sequence[tuple[int, int]]]], names: Sequence[str], *, title: str, told: str) -> Markup:
    """One bar an arm: (cause number, cases) of each part, with the cause's letter in it; `names`: of the causes, for the legend."""
    most = max((sum(n for _, n in parts) for _, parts in bars), default=0) or 1
    width, row = (WIDTH - 4) / most, 48
    drawn = []
    for number, (words, parts) in enumerate(bars):
        top, at = number * row, 2.0
        drawn.append(text(words, 2, top + 15))
        for kind, n in parts:
            drawn.append(element("rect", x=at, y=top + 21, width=n * width, height=20, class_=f"part k{kind % COLOURS}"))
            letters = f"{letter(kind)} {n}" if n * width > 40 else letter(kind) if n * width > 12 else ""
            drawn.append(text(letters, at + n * width / 2, top + 36, anchor="middle", class_="on"))
            at += n * width
    start = len(bars) * row + 14
    for kind, name in enumerate(names):
        at = start + kind * LINE
        drawn.append(element("rect", x=2, y=at - 13, width=17, height=16, class_=f"part k{kind % COLOURS}"))
        drawn += [text(letter(kind), 10.5, at - 0.5, anchor="middle", class_="on"), text(name, 26, at)]
    return figure("stacks", start + LINE * len(names), title=title, described=told, parts=drawn)


def letter(kind: int) -> str:
    """A, B, C ... of a cause."""
    return chr(ord("A") + kind % 26)


def _axes(axes: Axes, x: Scale, y: Scale, ticks_x: Sequence[float], ticks_y: Sequence[float]) -> list[Markup]:
    parts = [text(axes.y, 2, 14, class_="soft"), text(axes.x, RIGHT, BOTTOM + 37, anchor="end", class_="soft")]
    for tick in ticks_y:
        parts.append(line(LEFT, y(tick), RIGHT, y(tick), class_="grid"))
        parts.append(text(axes.shown_y(tick), LEFT - 6, y(tick) + 4, anchor="end", class_="soft"))
    for tick in ticks_x:
        parts.append(line(x(tick), BOTTOM, x(tick), BOTTOM + 4, class_="axis"))
        parts.append(text(axes.shown_x(tick), x(tick), BOTTOM + 18, anchor="middle", class_="soft"))
    parts.append(line(LEFT, BOTTOM, RIGHT, BOTTOM, class_="axis"))
    return parts


def _thinned(curve: Curve) -> Curve:
    """First and last point kept, evenly between."""
    if len(curve) <= POINTS:
        return curve
    return [curve[round(n * (len(curve) - 1) / (POINTS - 1))] for n in range(POINTS)]
