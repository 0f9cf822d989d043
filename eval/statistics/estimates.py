"""Each arm's means with their intervals, the same by tag, language and kind, and how the arms fare when they may stay silent."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

from eval.intervals import Bootstrap
from eval.metrics.selective import Point, aurc, risk_coverage
from eval.types import Case, Estimate, Reply, Retrieval, Scores

AURC = "aurc"
JACKKNIFED = 200
UNBOUNDED = frozenset({"first_token", "total", "prompt_tokens", "answer_tokens", "similarity"})
"""Metrics that are no shares: 0 and 1 are not their bounds."""


def estimates(scores: Iterable[Scores], clusters: Mapping[str, Hashable]) -> dict[str, dict[str, Estimate]]:
    """Arm -> metric -> mean over the cases it applies to, with its 95 % interval. A metric that applies nowhere is not there."""
    columns: dict[tuple[str, str], dict[str, float]] = {}
    for each in scores:
        for metric, value in each.values.items():
            columns.setdefault((each.arm, metric), {})[each.case] = value
    groups: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    for key, column in columns.items():
        groups.setdefault(tuple(sorted(column)), []).append(key)
    made: dict[tuple[str, str], Estimate] = {}
    for cases, keys in groups.items():  # the same cases share their resamples, which are most of the work
        made |= zip(keys, _over(cases, [(metric, columns[arm, metric]) for arm, metric in keys], clusters), strict=True)
    found: dict[str, dict[str, Estimate]] = {}
    for arm, metric in columns:
        found.setdefault(arm, {})[metric] = made[arm, metric]
    return found


def _over(cases: Sequence[str], columns: Sequence[tuple[str, Mapping[str, float]]], clusters: Mapping[str, Hashable]) -> list[Estimate]:
    """Of several (metric, case -> value) that apply to the same cases."""
    bootstrap = Bootstrap([clusters[case] for case in cases])
    rows = [[column[case] for case in cases] for _, column in columns]
    found = []
    for (metric, _), row, interval in zip(columns, rows, bootstrap.means(rows), strict=True):
        low, high = interval.low, interval.high
        if len(set(row)) == 1 and row[0] in (0, 1) and metric not in UNBOUNDED:
            low, high = certain(row[0], bootstrap.clusters)
        found.append(Estimate(interval.mean, low, high, len(row), bootstrap.clusters))
    return found


def certain(value: float, clusters: int) -> tuple[float, float]:
    """95 % bounds of a share that was 0 or 1 throughout (Clopper and Pearson 1934): resampling would claim to be certain of it.

    Of a metric between 0 and 1 as well: its mean is no further from the bound than the share of the cases that are not on it.
    """
    reach = 1 - 0.025 ** (1 / clusters)
    return (0.0, reach) if value == 0 else (1 - reach, 1.0)


def breakdown(
    cases: Sequence[Case], scores: Sequence[Scores], clusters: Mapping[str, Hashable], metric: str
) -> tuple[tuple[str, str, str, Estimate], ...]:
    """(dimension, value, arm, estimate of `metric`) for every language, kind and tag; "-" where a case has no kind."""
    dimensions: Mapping[str, Callable[[Case], Sequence[str]]] = {
        "language": lambda case: (case.pair.language,),
        "kind": lambda case: (case.pair.kind or "-",),
        "tag": lambda case: case.tags,
    }
    found = []
    for dimension, values_of in dimensions.items():
        groups: dict[str, set[str]] = {}
        for case in cases:
            for value in values_of(case):
                groups.setdefault(value, set()).add(case.id)
        for value, members in sorted(groups.items()):
            own = [
                Scores(each.case, each.arm, {metric: each.values[metric]})
                for each in scores
                if each.case in members and metric in each.values
            ]
            found += [(dimension, value, arm, each[metric]) for arm, each in estimates(own, clusters).items()]
    return tuple(found)


def curves(replies: Iterable[Reply], retrievals: Iterable[Retrieval], scores: Iterable[Scores]) -> dict[str, tuple[Point, ...]]:
    """Arm -> risk-coverage curve; see `_judged` for what is risked and how sure a reply is."""
    judged = _judged(replies, retrievals, scores)
    return {arm: risk_coverage([sure for _, sure, _ in rows], [loss for _, _, loss in rows]) for arm, rows in judged.items()}


def areas(
    replies: Iterable[Reply], retrievals: Iterable[Retrieval], scores: Iterable[Scores], clusters: Mapping[str, Hashable]
) -> dict[str, Estimate]:
    """Arm -> area under its risk-coverage curve (lower is better), interval by the jackknife over documents (Efron 1982).

    More than JACKKNIFED documents are left out in that many groups.
    """
    found = {}
    for arm, rows in _judged(replies, retrievals, scores).items():
        numbers: dict[Hashable, int] = {}
        owner = [numbers.setdefault(clusters[case], len(numbers)) % JACKKNIFED for case, _, _ in rows]
        whole = _area(rows)
        groups = min(len(numbers), JACKKNIFED)
        parts = ([row for row, own in zip(rows, owner, strict=True) if own != gone] for gone in range(groups))
        reach = _jackknife([_area(part) for part in parts if part])
        found[arm] = Estimate(whole, max(0.0, whole - reach), min(1.0, whole + reach), len(rows), len(numbers))
    return found


def _area(rows: Sequence[tuple[str, float, float]]) -> float:
    return aurc([sure for _, sure, _ in rows], [loss for _, _, loss in rows])


def _jackknife(values: Sequence[float]) -> float:
    """Half of the 95 % interval from the statistic without each document in turn; 1 (everything) when there is only one."""
    from scipy.stats import t

    count = len(values)
    if count < 2:
        return 1.0
    mean = sum(values) / count
    error = math.sqrt((count - 1) / count * sum((value - mean) ** 2 for value in values))
    return float(t.ppf(0.975, count - 1)) * error


def _judged(
    replies: Iterable[Reply], retrievals: Iterable[Retrieval], scores: Iterable[Scores]
) -> dict[str, list[tuple[str, float, float]]]:
    """Arm -> (case, confidence, loss) of every reply.

    Loss is 1 - f1_all: any answer to an unanswerable question is wholly wrong. Confidence is the reply's own, else the evidence
    of the case's retrieval, whatever the arm; a reply that refuses is the least sure of all, since it does not answer.
    """
    evidence = {each.case: each.evidence for each in retrievals}
    worth = {(each.case, each.arm): each.values["f1_all"] for each in scores if "f1_all" in each.values}
    found: dict[str, list[tuple[str, float, float]]] = {}
    for reply in replies:
        if (reply.case, reply.arm) in worth:
            own = reply.confidence if reply.confidence is not None else evidence.get(reply.case, 0.0)
            sure = -math.inf if reply.refused else own
            found.setdefault(reply.arm, []).append((reply.case, sure, 1 - worth[reply.case, reply.arm]))
    return found
