"""Knowing when not to answer: risk-coverage curves, who refused what, and whether the evidence score can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

from eval.report.blocks import Block, Cell, Figure, Paragraph, Section, Table, capital, head, label
from eval.report.plots import Axes, Bin, Curve, calibration, curves
from eval.report.svg import swatch
from eval.report.view import View
from eval.statistics.estimates import AURC
from eval.types import Retrieval

BINS = 10


def risk(view: View) -> Section:
    """How often an arm is wrong among the questions that it is surest of; the area under it, the smaller the better."""
    words = view.words
    points = {arm: view.run.curves[arm] for arm in view.arms if view.run.curves.get(arm)}
    if not points:
        return Section("risk", words("risk_title"), words("risk_none"))
    tick = partial(view.numbers.tick, "share")
    axes = Axes(words("coverage"), words("risk"), tick, tick)
    areas = {arm: _area(view, arm, curve) for arm, curve in points.items()}
    told = "; ".join(f"{arm}: {words('area')} {cell.text}" for arm, cell in areas.items())
    svg = curves({arm: view.number(arm) for arm in points}, points, axes, title=words("risk_title"), told=told)
    rows = tuple(
        (label(arm, marker=swatch(view.number(arm))), areas[arm], *(_at(view, curve, share) for share in (0.25, 0.5, 1.0)))
        for arm, curve in points.items()
    )
    columns = head(words("arm"), words("area"), *(words("risk_at", share=view.numbers.plain(share, 0)) for share in (25, 50, 100)))
    table = Table(words("risk_table"), columns, rows)
    flat = all(len(curve) == 1 for curve in points.values())
    blocks = (Paragraph(words("risk_flat")), table) if flat else (Figure(svg, words("risk_caption"), table),)
    return Section("risk", words("risk_title"), words("risk_lead"), blocks)


def area(curve: Curve) -> float:
    """Under the curve from no coverage on, by trapezoids (AURC: Geifman, Uziel and El-Yaniv 2019). The smaller, the better."""
    return sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in pairwise([(0.0, curve[0][1]), *curve]))


def _area(view: View, arm: str, curve: Curve) -> Cell:
    """With its interval where the run has it."""
    estimate = view.estimate(arm, AURC)
    if estimate is not None:
        return Cell(view.numbers.percent(estimate.mean), view.numbers.interval(AURC, estimate))
    return Cell(view.numbers.percent(area(curve)))


def _at(view: View, curve: Curve, coverage: float) -> Cell:
    """Risk at the first point that covers as much; an arm that never answers so many has none."""
    return Cell(next((view.numbers.percent(found) for covered, found in curve if covered >= coverage - 1e-9), "–"))


def refusals(view: View) -> Section:
    """Refusals of each arm, on what can be answered and what cannot, and the calibration of the evidence score."""
    words = view.words
    names = ("answerable_refused", "unanswerable_refused", "of_refusals_right", "abstained")
    columns = head(words("arm"), *(words(name) for name in names))
    rows = tuple((label(arm, marker=swatch(view.number(arm))), *_refused(view, arm)) for arm in view.arms)
    table = Table(words("refusals_caption"), columns, rows)
    return Section("refusals", words("refusals_title"), words("refusals_lead"), (table, *_calibration(view)))


def _refused(view: View, arm: str) -> list[Cell]:
    mine = [(view.cases[each.case].pair.answerable, each) for each in view.run.replies if each.arm == arm and each.case in view.cases]
    answerable = [reply.refused for right, reply in mine if right]
    other = [reply.refused for right, reply in mine if not right]
    justified = [not right for right, reply in mine if reply.refused]
    return [*(_share(view, each) for each in (answerable, other, justified)), _share(view, [reply.abstained for _, reply in mine])]


def _share(view: View, values: Sequence[bool]) -> Cell:
    """A share in percent with the counts under it; of nothing, it is no share at all."""
    return Cell(view.numbers.percent(sum(values) / len(values)), f"{sum(values)} / {len(values)}") if values else Cell("–")


def _calibration(view: View) -> list[Block]:
    words, numbers = view.words, view.numbers
    judged = [(each, view.cases[each.case].pair.answerable) for each in view.run.retrievals if each.case in view.cases]
    if len({each.evidence for each, _ in judged}) < 2 or len({right for _, right in judged}) < 2:
        return [Paragraph(words("calibration_none"))]
    bins = binned(judged)
    threshold = max(each.threshold for each, _ in judged)
    tick = partial(numbers.tick, "share")
    axes = Axes(words("evidence"), words("share_answerable"), tick, tick)
    told = "; ".join(f"{numbers.percent(each.score)}: {numbers.percent(each.share)} (n = {each.n})" for each in bins)
    said = (words("threshold", value=numbers.percent(threshold)), told)
    svg = calibration(bins, threshold, axes, title=words("calibration_title"), said=said)
    columns = (capital(words("evidence")), capital(words("share_answerable")), words("interval"))
    rows = tuple(
        (
            label(numbers.percent(each.score)),
            Cell(numbers.percent(each.share)),
            Cell(numbers.bounds(numbers.percent(each.low), numbers.percent(each.high))),
            Cell(str(each.n)),
        )
        for each in bins
    )
    table = Table(words("calibration_table"), head(*columns, "n"), rows)
    return [Paragraph(_outcome(view, judged, threshold)), Figure(svg, words("calibration_caption"), table)]


def _outcome(view: View, judged: Sequence[tuple[Retrieval, bool]], threshold: float) -> str:
    """What the threshold in force does to both sorts of question."""
    below = [(each.evidence < each.threshold, right) for each, right in judged]
    kept = [weak for weak, right in below if right]
    other = [weak for weak, right in below if not right]
    key = "threshold_outcome" if threshold > 0 else "threshold_unset"
    shares = {name: view.numbers.percent(sum(part) / len(part)) for name, part in (("answerable", kept), ("unanswerable", other))}
    return view.words(key, threshold=view.numbers.percent(threshold), **shares)


def binned(judged: Sequence[tuple[Retrieval, bool]]) -> list[Bin]:
    """At most BINS groups of nearly equal size in the order of evidence; equal scores stay together.

    The interval of each share is Wilson's (1927), 95 %.
    """
    from scipy.stats import binomtest

    ordered = sorted((each.evidence, right) for each, right in judged)
    groups: list[list[tuple[float, bool]]] = []
    for score, right in ordered:
        if not groups or (len(groups[-1]) >= len(ordered) / BINS and groups[-1][-1][0] != score):
            groups.append([])
        groups[-1].append((score, right))
    found = []
    for group in groups:
        answerable = sum(each for _, each in group)
        bounds = binomtest(answerable, len(group)).proportion_ci(method="wilson")
        score = sum(score for score, _ in group) / len(group)
        found.append(Bin(score, answerable / len(group), float(bounds.low), float(bounds.high), len(group)))
    return found
