"""What an answer costs: seconds and tokens, against how good it is; cost per right answer with the training in it.

The manifest may hold `training_seconds` (arm or adapter -> seconds) and `prices`: `currency`, `prompt` and `answer` (per million
tokens), `hour` (of training), `questions` (over which the training is spread; default: those of the run).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from eval.report.blocks import Block, Cell, Figure, Section, Table, head, label
from eval.report.plots import Axes, Point, scatter
from eval.report.svg import swatch
from eval.report.view import View, place
from eval.types import Reply


def latency(view: View) -> Section:
    """Pareto figure and a table; arms whose replies carry no times are left out of the figure."""
    words, numbers = view.words, view.numbers
    replies = {arm: [each for each in view.run.replies if each.arm == arm] for arm in view.arms}
    points = _points(view, replies)
    blocks: list[Block] = []
    if points:
        axes = Axes(words("axis_seconds"), view.metric, partial(numbers.tick, "total"), partial(numbers.tick, view.metric))
        told = "; ".join(f"{each.words}: {numbers.seconds(each.x)}, {numbers.percent(each.y)}" for each in points)
        svg = scatter(points, axes, title=words("speed_figure", metric=view.metric), told=told)
        blocks.append(Figure(svg, words("speed_caption")))
    priced = bool(view.run.manifest.get("prices"))
    columns = ("first_token", "whole_answer", "prompt_tokens", "answer_tokens", "right_answers", "cost_each" if priced else "seconds_each")
    rows = tuple((label(arm, marker=swatch(view.number(arm))), *_row(view, arm, replies[arm])) for arm in view.arms if replies[arm])
    note = words("cost_note" if priced else "seconds_note")
    blocks.append(Table(words("speed_table"), head(words("arm"), *(words(name) for name in columns)), rows, note))
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


def _row(view: View, arm: str, replies: Sequence[Reply]) -> list[Cell]:
    right = [each for each in replies if (each.case, arm) not in view.lost]
    return [
        _times(view, [each.first_token for each in replies]),
        _times(view, [each.total for each in replies]),
        Cell(view.numbers.count(sum(each.prompt_tokens for each in replies) / len(replies))),
        Cell(view.numbers.count(sum(each.answer_tokens for each in replies) / len(replies))),
        Cell(f"{len(right)} / {len(replies)}"),
        _each(view, arm, replies, len(right)),
    ]


def _times(view: View, seconds: Sequence[float]) -> Cell:
    """Median, and the time that 95 % of the answers stay under. Nothing generated (0 s) is no time."""
    taken = [each for each in seconds if each > 0]
    if not taken:
        return Cell("–")
    return Cell(view.numbers.seconds(percentile(taken, 50)), f"p95 {view.numbers.seconds(percentile(taken, 95))}")


def _each(view: View, arm: str, replies: Sequence[Reply], right: int) -> Cell:
    """Cost of one right answer: money when there are prices, else seconds; the training's share included and shown."""
    if not right:
        return Cell("–", view.words("none_right"))
    prices: Mapping[str, Any] = view.run.manifest.get("prices") or {}
    training = training_seconds(view, arm)
    if not prices:
        spent = sum(each.total for each in replies)
        note = view.words("with_training", value=view.numbers.seconds((spent + training) / right)) if training else ""
        return Cell(view.numbers.seconds(spent / right), note)
    asked, said = (float(prices.get(name, 0)) / 1e6 for name in ("prompt", "answer"))
    spent = sum(each.prompt_tokens * asked + each.answer_tokens * said for each in replies)
    taught = training / 3600 * float(prices.get("hour", 0)) * len(replies) / float(prices.get("questions") or len(replies))
    money = f" {prices.get('currency', '')}".rstrip()
    note = view.words("with_training", value=view.numbers.plain((spent + taught) / right, 5) + money) if taught else ""
    return Cell(view.numbers.plain(spent / right, 5) + money, note)


def training_seconds(view: View, arm: str) -> float:
    """Of the adapter that the arm wears; the manifest names it by the arm or by the adapter."""
    known = view.run.manifest.get("training_seconds")
    if not isinstance(known, Mapping):
        return 0.0
    where = place(arm)
    worn = next((reply.identity.get("adapter", "") for reply in view.run.replies if reply.arm == arm), "")
    named = (arm, worn, where[2] if where else "")
    return next((float(known[name]) for name in named if name and name in known), 0.0)


def percentile(values: Sequence[float], share: float) -> float:
    """`share` in percent; between two values in proportion."""
    import numpy as np

    return float(np.percentile(np.asarray(values, dtype=np.float64), share))
