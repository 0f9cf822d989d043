"""The forest plot: each contrast's effect with its interval, against zero and the equivalence margin."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from eval.report.svg import WIDTH, Scale, element, figure, line, spanning, text
from eval.report.view import View
from eval.report.visible import cut
from eval.types import Contrast

ROW, LEFT, RIGHT, TOP = 44, 12, WIDTH - 16, 0
LONGEST = 27
"""Letters of a name beside its numbers; the table has all of it."""


def forest(view: View, contrasts: Sequence[Contrast], *, name: str) -> Markup:
    """Contrasts of one metric. A filled square: found after Holm; a hollow one: not."""
    metric, words = contrasts[0].metric, view.words
    values = [value for each in contrasts for value in (each.effect.low, each.effect.high)]
    margin = max((each.margin for each in contrasts), default=0.0)
    scale, ticks = spanning([0.0, -margin, margin, *values], LEFT, RIGHT)
    bottom = TOP + ROW * len(contrasts)
    parts = []
    for tick in ticks:
        parts.append(text(view.numbers.tick(metric, tick), scale(tick), bottom + 17, anchor="middle", class_="soft"))
    for row, contrast in enumerate(contrasts):
        top = TOP + ROW * row
        if margin > 0:
            parts.append(element("rect", x=scale(-margin), y=top + 21, width=scale(margin) - scale(-margin), height=20, class_="band"))
        parts += [line(scale(tick), top + 21, scale(tick), top + 41, class_="axis" if tick == 0 else "grid") for tick in ticks]
        parts += _row(view, contrast, scale, top)
    parts.append(text(words("forest_axis", metric=view.called(metric)), WIDTH / 2, bottom + 37, anchor="middle", class_="soft"))
    told = "; ".join(f"{view.contrast(each.name)}: {view.numbers.estimate(metric, each.effect, sign=True)}" for each in contrasts)
    title = words("forest_title", metric=view.called(metric))
    return figure(name, bottom + 44, title=title, described=told, parts=parts)


def _row(view: View, contrast: Contrast, scale: Scale, top: float) -> list[Markup]:
    effect, y = contrast.effect, top + 31
    low, high = scale(effect.low), scale(effect.high)
    return [
        text(cut(view.contrast(contrast.name), LONGEST), LEFT, top + 16),
        text(view.numbers.estimate(contrast.metric, effect, sign=True), RIGHT, top + 16, anchor="end", class_="number"),
        line(low, y, high, y, class_="whisker"),
        line(low, y - 5, low, y + 5, class_="whisker"),
        line(high, y - 5, high, y + 5, class_="whisker"),
        element("rect", x=scale(effect.mean) - 5, y=y - 5, width=10, height=10, class_="found" if contrast.found else "unsure"),
    ]
