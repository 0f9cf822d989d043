"""The training curve as an inline SVG: training loss as a line, held-back loss as squares on a dashed line, and both in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ui.pages.adapters.markup import Html, safe

if TYPE_CHECKING:
    from adapters.card import Point
    from ui.pages.adapters.text import Words

WIDTH, HEIGHT = 560, 230
LEFT, RIGHT, TOP, BOTTOM = 46, 548, 12, 192
Pairs = Sequence[tuple[int, float]]
Place = Callable[[float], float]


def curve(points: Sequence[Point], words: Words, *, name: str, steps: int = 0) -> Html:
    """A figure with its legend. `steps`: of the whole training while it runs, so that the line grows to the right; 0 = as far as it is."""
    loss = [(point.step, point.loss) for point in points if point.loss is not None]
    held = [(point.step, point.validation) for point in points if point.validation is not None]
    if not loss and not held:
        return Html(f'<p class="soft">{safe(words.no_curve)}</p>')
    from eval.report.svg import Scale, spanning

    last = max([steps, 1, *(step for step, _ in (*loss, *held))])
    across = Scale(0, last, LEFT, RIGHT)
    up, ticks = spanning([0.0, *(value for _, value in (*loss, *held))], BOTTOM, TOP, most=5)
    told = _told(points, words)
    parts = [*_grid(up, ticks, words), *_steps(across, last, words)]
    parts += [_line("loss", loss, across, up), _line("held", held, across, up), *_squares(held, across, up)]
    svg = (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{safe(name)}-t {safe(name)}-d" class="curve-plot">'
        f'<title id="{safe(name)}-t">{safe(words.curve)}</title><desc id="{safe(name)}-d">{safe(told)}</desc>{"".join(parts)}</svg>'
    )
    legend = f'<span class="key loss">{safe(words.loss)}</span><span class="key held">{safe(words.held_loss)}</span>'
    return Html(f'<figure class="plot">{svg}<figcaption>{legend}<span class="told">{safe(told)}</span></figcaption></figure>')


def _told(points: Sequence[Point], words: Words) -> str:
    """Where it stands, in words: for those who do not see the figure, and for the score, which has another unit."""
    last = next((point for point in reversed(points) if point.loss is not None), None)
    held = next((point for point in reversed(points) if point.validation is not None), None)
    best = max((point for point in points if point.f1 is not None), key=lambda point: point.f1 or 0.0, default=None)
    said = [words.told_loss.format(loss=words.number(last.loss or 0.0, 3), step=last.step)] if last else []
    said += [words.told_held.format(loss=words.number(held.validation or 0.0, 3), step=held.step)] if held else []
    said += [words.told_score.format(score=words.number(100 * (best.f1 or 0.0)), step=best.step)] if best else []
    return "; ".join(said)


def _grid(up: Place, ticks: Sequence[float], words: Words) -> list[str]:
    rows = []
    for value in ticks:
        y = up(value)
        rows.append(f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{RIGHT}" y2="{y:.1f}"/>')
        rows.append(
            f'<text class="tick" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{safe(words.number(value, _digits(ticks)))}</text>'
        )
    return rows


def _digits(ticks: Sequence[float]) -> int:
    gap = ticks[1] - ticks[0] if len(ticks) > 1 else 1.0
    return 0 if gap >= 1 else 1 if gap >= 0.1 else 2


def _steps(across: Place, last: int, words: Words) -> list[str]:
    marks = sorted({0, last // 2, last})
    rows = [f'<text class="tick" x="{across(step):.1f}" y="{BOTTOM + 16}" text-anchor="middle">{step}</text>' for step in marks]
    return [*rows, f'<text class="tick" x="{RIGHT}" y="{BOTTOM + 33}" text-anchor="end">{safe(words.step)}</text>']


def _line(kind: str, pairs: Pairs, across: Place, up: Place) -> str:
    if not pairs:
        return ""
    return f'<polyline class="series {kind}" points="{" ".join(f"{across(step):.1f},{up(value):.1f}" for step, value in pairs)}"/>'


def _squares(pairs: Pairs, across: Place, up: Place) -> list[str]:
    return [f'<rect class="dot" x="{across(step) - 4:.1f}" y="{up(value) - 4:.1f}" width="8" height="8"/>' for step, value in pairs]
