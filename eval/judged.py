"""What the judges said, in numbers: `Run.judged`, from which the report and report.json are made. Nothing is judged here.

model          URL#model, "" when only an NLI model was there; rubric: what it judged by
pairs          contrast -> first, tie, second (how often which reply was better), n, inconsistent (ties because the verdict changed
               with the order), same (ties because the replies are the same words), failures, net with its interval,
               winners: case -> winner, failed: case -> why
groundedness   by (URL#model, or a folder), replies, statements, failed
votes          n, questions, votes, failures, inconsistent, agreed, kappa, low, high, few (see eval.agreement)
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from eval.agreement import agreement
from eval.intervals import Bootstrap
from eval.judge import RUBRIC, WINNERS, Judged
from eval.judging import Verdicts
from eval.statistics.estimates import certain
from eval.votes import Vote, questions_of

WORTH: Mapping[str, float] = {"first": 1.0, "tie": 0.0, "second": -1.0}


def summary(verdicts: Verdicts, clusters: Mapping[str, Hashable], votes: Sequence[Vote]) -> dict[str, Any]:
    """As JSON has it; {} when nothing was judged."""
    found: dict[str, Any] = {}
    if verdicts.model:
        found = {"model": verdicts.model, "rubric": RUBRIC}
        found["pairs"] = {name: _pairs(judged, clusters) for name, judged in verdicts.pairs.items()}
    if verdicts.grounder:
        statements, failed = verdicts.statements
        numbers = {"replies": len(verdicts.grounded), "statements": statements, "failed": failed}
        found["groundedness"] = {"by": verdicts.grounder, **numbers}
    if verdicts.votes is not None:
        found["votes"] = _votes(verdicts.votes, votes)
    return found


def _pairs(judged: Judged, clusters: Mapping[str, Hashable]) -> dict[str, Any]:
    """`net`: share of the pairs in which the first arm's reply was better, less that in which the other's was."""
    winners = {each.case: each.winner for each in judged.judgements}
    counts: dict[str, int] = {winner: judged.counts.get(winner, 0) for winner in WINNERS}
    n = len(winners)
    found = {**counts, "n": n, "inconsistent": judged.inconsistent, "same": judged.same, "failures": len(judged.failures)}
    net, low, high = _net([WORTH[winner] for winner in winners.values()], [clusters[case] for case in winners])
    return {**found, "net": net, "low": low, "high": high, "winners": winners, "failed": dict(judged.failures)}


def _net(values: Sequence[float], clusters: Sequence[Hashable]) -> tuple[float | None, float | None, float | None]:
    """Mean with its 95 % interval over documents; None where there is nothing to take it of."""
    if not values:
        return None, None, None
    bootstrap = Bootstrap(clusters)
    if len(set(values)) > 1:
        interval = bootstrap.mean(values)
        return interval.mean, interval.low, interval.high
    reach = certain(0.0, bootstrap.clusters)[1] * (2 if values[0] else 1)  # resampling would claim to be certain of it
    return values[0], max(-1.0, values[0] - reach), min(1.0, values[0] + reach)


def _votes(judged: Judged, votes: Sequence[Vote]) -> dict[str, Any]:
    apart = {"votes": len(votes), "failures": len(judged.failures), "inconsistent": judged.inconsistent}
    if not judged.judgements:
        return {"n": 0, **apart}
    ours: dict[str, str] = {each.case: each.winner for each in judged.judgements}
    found = agreement(ours, {str(number): vote.winner for number, vote in enumerate(votes)}, questions=questions_of(votes))
    return {**asdict(found), "few": found.few, **apart}
