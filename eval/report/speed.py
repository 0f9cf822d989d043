"""What an answer costs: seconds and tokens, against how good it is; cost per right answer with the training in it (eval.cost)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial

from eval.cost import SECONDS, Cost, costs, prices_of
from eval.report.blocks import Block, Cell, Figure, Section, Table, head, label
from eval.report.plots import Axes, Point, scatter
from eval.report.svg import swatch
from eval.report.view import View
from eval.types import Reply


def latency(view: View) -> Section:
    """Pareto figure and a table; arms whose replies carry no times are left out of the figure."""
    words, numbers = view.words, view.numbers
    replies = {arm: [each for each in view.run.replies if each.arm == arm] for arm in view.arms}
    points = _points(view, replies)
    blocks: list[Block] = []
    if points:
        axes = Axes(words("axis_seconds"), view.unit(view.metric), partial(numbers.tick, "total"), partial(numbers.tick, view.metric))
        told = "; ".join(f"{each.words}: {numbers.seconds(each.x)}, {numbers.percent(each.y)}" for each in points)
        svg = scatter(points, axes, title=words("speed_figure", metric=view.called(view.metric)), told=told)
        blocks.append(Figure(svg, words("speed_caption")))
    spent = costs(view.run)
    columns = ("first_token", "whole_answer", "prompt_tokens", "answer_tokens", "right_answers", "cost_each")
    rows = tuple((label(arm, marker=swatch(view.number(arm))), *_row(view, replies[arm], spent[arm])) for arm in view.arms if replies[arm])
    blocks.append(Table(words("speed_table"), head(words("arm"), *(words(name) for name in columns)), rows, _note(view, spent)))
    return Section("speed", words("speed_title"), words("speed_lead"), tuple(blocks))


def _points(view: View, replies: Mapping[str, Sequence[Reply]]) -> list[Point]:
    found = []
    for arm in view.arms:
        estimate, times = view.estimate(arm, view.metric), [each.total for each in replies[arm] if each.total > 0]
        if estimate is not None and times:
            found.append(Point(view.number(arm), arm, percentile(times, 50), estimate.mean, estimate.low, estimate.high, False))
    better = [any(_beats(other, each) for other in found) for each in found]
    return [
        Point(each.kind, each.words, each.x, each.y, each.low, each.high, not beaten) for each, beaten in zip(found, better, strict=True)
    ]


def _beats(one: Point, other: Point) -> bool:
    return one.x <= other.x and one.y >= other.y and (one.x < other.x or one.y > other.y)


def _row(view: View, replies: Sequence[Reply], cost: Cost) -> list[Cell]:
    return [
        _times(view, [each.first_token for each in replies]),
        _times(view, [each.total for each in replies]),
        Cell(view.numbers.count(sum(each.prompt_tokens for each in replies) / len(replies))),
        Cell(view.numbers.count(sum(each.answer_tokens for each in replies) / len(replies))),
        Cell(f"{cost.right} / {cost.replies}"),
        _each(view, cost),
    ]


def _times(view: View, seconds: Sequence[float]) -> Cell:
    """Median, and the time that 95 % of the answers stay under. Nothing generated (0 s) is no time."""
    taken = [each for each in seconds if each > 0]
    if not taken:
        return Cell("–")
    return Cell(view.numbers.seconds(percentile(taken, 50)), f"p95 {view.numbers.seconds(percentile(taken, 95))}")


def _each(view: View, cost: Cost) -> Cell:
    """What a right answer costs, the training's share included and shown."""
    if cost.each is None or cost.whole is None:
        return Cell("–", view.words("none_right"))
    note = view.words("with_training", value=_amount(view, cost.whole, cost.unit)) if cost.training else ""
    return Cell(_amount(view, cost.each, cost.unit), note)


def _amount(view: View, value: float, unit: str) -> str:
    """Seconds, or money to three digits that say something: a right answer may cost a thousandth of a cent."""
    if unit == SECONDS:
        return view.numbers.seconds(value)
    digits = 2 if value >= 1 or not value else 2 - math.floor(math.log10(value))
    return f"{view.numbers.plain(value, digits)} {unit}".rstrip()


def _note(view: View, found: Mapping[str, Cost]) -> str:
    """How it was reckoned, and over how many questions the training was spread, where there was one."""
    prices = prices_of(view.run.manifest)
    tokens = bool(prices.prompt or prices.answer)
    said = [view.words("right_note"), view.words("cost_tokens" if tokens else "cost_hours" if prices.given else "cost_seconds")]
    trained = [cost for cost in found.values() if cost.training]
    if trained:
        said.append(view.words("cost_training", n=view.numbers.count(trained[0].questions)))
    return " ".join(said)


def percentile(values: Sequence[float], share: float) -> float:
    """`share` in percent; between two values in proportion."""
    import numpy as np

    return float(np.percentile(np.asarray(values, dtype=np.float64), share))
