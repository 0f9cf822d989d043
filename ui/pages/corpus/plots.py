"""Small plots as inline SVG, each with its title, what it shows in words, and the same numbers as a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING

from ui.pages.corpus.markup import safe, table

if TYPE_CHECKING:
    from ui.pages.corpus.text import Words

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 420, 170, 8, 148, 18
BARS = 10


def bins(values: Sequence[int], bars: int = BARS) -> list[tuple[int, int | None, int]]:
    """(from, up to, how many), of a round width; the last one is open (None) where a long tail would squeeze the others."""
    if not values:
        return []
    ordered = sorted(values)
    usual = ordered[min(len(ordered) - 1, int(len(ordered) * 0.98))]
    step = _round_up((usual + 1) / bars)
    edges = list(range(0, usual + step, step))
    counts = [0] * len(edges)
    for value in ordered:
        counts[min(value // step, len(edges) - 1)] += 1
    tail = ordered[-1] >= edges[-1] + step
    return [
        (edge, None if tail and number == len(edges) - 1 else edge + step, count)
        for number, (edge, count) in enumerate(zip(edges, counts, strict=True))
    ]


def _round_up(width: float) -> int:
    """The next of 1, 2, 5, 10, 20, 50, ..."""
    size = 10 ** math.floor(math.log10(max(width, 1)))
    return max(1, next(int(factor * size) for factor in (1, 2, 5, 10) if factor * size >= width))


def histogram(values: Sequence[int], name: str, title: str, words: Words) -> str:
    """`name`: unique in the page."""
    found = bins(values)
    if not found:
        return ""
    most, width = max(count for *_, count in found), (WIDTH - 2 * LEFT) / len(found)
    told = words.sizes_told.format(*map(words.number, (len(values), min(values), median(values), max(values))))
    labels = [words.and_more.format(words.number(low)) if high is None else _range(low, high, words) for low, high, _ in found]
    parts = []
    for number, (low, _, count) in enumerate(found):
        x, top = LEFT + number * width, BOTTOM - (BOTTOM - TOP) * count / most
        shape = f'x="{x + 1:.1f}" y="{top:.1f}" width="{width - 2:.1f}" height="{BOTTOM - top:.1f}"'
        parts.append(f"<rect {shape}><title>{safe(labels[number])}: {count}</title></rect>")
        parts.append(f'<text class="top" x="{x + width / 2:.1f}" y="{top - 4:.1f}" text-anchor="middle">{words.number(count)}</text>')
        if number % 2 == 0:
            parts.append(f'<text x="{x + 1:.1f}" y="{BOTTOM + 14}">{words.number(low)}</text>')
    rows = [[safe(label), words.number(count)] for label, (*_, count) in zip(labels, found, strict=True)]
    return (
        f'<figure class="plot"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{safe(title)}</title><desc id="{name}-desc">{safe(told)}</desc>'
        f'<line x1="{LEFT}" y1="{BOTTOM}" x2="{WIDTH - LEFT}" y2="{BOTTOM}"/>{"".join(parts)}</svg>'
        f'<figcaption class="soft">{safe(told)}</figcaption>'
        f'<details id="{name}-table"><summary>{safe(words.as_table)}</summary>'
        f"{table(title, [words.size, words.count], rows)}</details></figure>"
    )


def _range(low: int, high: int, words: Words) -> str:
    return f"{words.number(low)}–{words.number(high - 1)}" if high - low > 1 else words.number(low)
