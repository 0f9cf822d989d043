"""Risk and coverage: how often an arm is wrong among the questions that it is surest of (El-Yaniv and Wiener 2010)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

Point = tuple[float, float]
"""(coverage, risk), both in [0, 1]."""


def risk_coverage(confidences: Sequence[float], losses: Sequence[float]) -> tuple[Point, ...]:
    """At each confidence, the share of the questions at least as sure (coverage) and their mean loss (risk); coverage rises to 1.

    Equal confidences come together: nothing can tell them apart, so a threshold takes all of them or none.
    """
    points = []
    taken, lost = 0, 0.0
    for _, group in groupby(_surest_first(confidences, losses), key=lambda each: each[0]):
        members = [loss for _, loss in group]
        taken, lost = taken + len(members), lost + sum(members)
        points.append((taken / len(losses), lost / taken))
    return tuple(points)


def aurc(confidences: Sequence[float], losses: Sequence[float]) -> float:
    """Area under the risk-coverage curve: mean over k of the mean loss of the k surest (Geifman, Uziel and El-Yaniv 2019).

    Lower is better. Among equal confidences the expected value over their orders, so that the order of the questions does not
    matter. Raises ValueError when there are no questions.
    """
    if not losses:
        raise ValueError("no questions")
    area, taken, lost = 0.0, 0, 0.0
    for _, group in groupby(_surest_first(confidences, losses), key=lambda each: each[0]):
        members = [loss for _, loss in group]
        mean = sum(members) / len(members)
        area += sum((lost + mean * more) / (taken + more) for more in range(1, len(members) + 1))
        taken, lost = taken + len(members), lost + sum(members)
    return area / len(losses)


def _surest_first(confidences: Sequence[float], losses: Sequence[float]) -> list[Point]:
    return sorted(zip(confidences, losses, strict=True), key=lambda each: -each[0])
