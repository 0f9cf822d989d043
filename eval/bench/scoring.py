"""Rankings of one set to a table: every metric with its interval, and paired differences between two systems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eval.bench.sets import cluster
from eval.intervals import Bootstrap, Interval
from eval.metrics.ranking import distinct, scores
from rag.qa import Pair

METRICS = ("hit@1", "hit@3", "hit@5", "hit@10", "MRR@10", "nDCG@10")


@dataclass(frozen=True, slots=True)
class Scored:
    """One system's metrics, question by question, in the order of the questions."""

    system: str
    rows: tuple[dict[str, float], ...]

    def column(self, metric: str) -> list[float]:
        return [row[metric] for row in self.rows]


@dataclass(frozen=True, slots=True)
class Line:
    """A system (or "a - b") and its interval for each metric."""

    system: str
    metrics: dict[str, Interval]


def score(system: str, pairs: Sequence[Pair], rankings: Sequence[Sequence[str]], *, twins: Mapping[str, str] | None = None) -> Scored:
    """`rankings`: for each question the paths of the chunks found, best first; a path may come several times.

    `twins`: a file that is a copy of another -> that other; to find one is to find both, for every system alike.
    """
    same = twins or {}
    rows = []
    for pair, found in zip(pairs, rankings, strict=True):
        gold = {same.get(path, path) for path in pair.docs}
        rows.append(scores(distinct(same.get(path, path) for path in found), gold))
    return Scored(system, tuple(rows))


def summarise(pairs: Sequence[Pair], systems: Sequence[Scored], against: Sequence[tuple[str, str]]) -> tuple[list[Line], list[Line]]:
    """A line for each system, and one for each pair (a, b) of `against`: a - b, question by question."""
    bootstrap = Bootstrap([cluster(pair) for pair in pairs])
    by_name = {scored.system: scored for scored in systems}
    lines = [_line(bootstrap, scored.system, {metric: scored.column(metric) for metric in METRICS}) for scored in systems]
    differences = []
    for one, other in against:
        paired = {metric: _minus(by_name[one].column(metric), by_name[other].column(metric)) for metric in METRICS}
        differences.append(_line(bootstrap, f"{one} - {other}", paired))
    return lines, differences


def _line(bootstrap: Bootstrap, system: str, columns: dict[str, list[float]]) -> Line:
    return Line(system, dict(zip(columns, bootstrap.means(list(columns.values())), strict=True)))


def _minus(values: list[float], others: list[float]) -> list[float]:
    return [one - other for one, other in zip(values, others, strict=True)]
