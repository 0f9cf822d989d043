"""From the answers of a run to its scores, estimates, contrasts and causes: what the report is made of."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.attribution import attribute
from eval.judging import Judging, judge_answers
from eval.metrics.similarity import similarities
from eval.request import Request
from eval.scoring import score
from eval.statistics.clusters import clusters_of
from eval.statistics.contrasts import by_arm, compare, correct, declared
from eval.statistics.estimates import AURC, areas, breakdown, curves, estimates
from eval.types import Case, Contrast, Estimate, Failure, Reply, Retrieval, Run, Scores
from rag.assistant import Assistant
from rag.context.citations import without_markers
from rag.progress import Progress, silent

MAIN, WITHOUT_ANSWERS = "f1", "refusal_right"
"""The metric of the verdict; the second where no question has an answer."""
REFUSALS = ("refusal_recall", "over_refusal")
"""Compared as well, as a family of their own: what an adapter gains in F1 it may lose in refusals."""
Measured = Mapping[tuple[str, str], Mapping[str, float]]
"""(case, arm) -> metrics that need a model."""


@dataclass(frozen=True, slots=True)
class Answers:
    """Everything that was asked and said, in the order of the cases and the arms. `folder`: of the run."""

    folder: Path
    cases: tuple[Case, ...]
    retrievals: tuple[Retrieval, ...]
    replies: tuple[Reply, ...]
    failures: tuple[Failure, ...]


def measure(request: Request, manifest: dict[str, Any], answers: Answers, assistant: Assistant, *, progress: Progress = silent) -> Run:
    """Scores and statistics of a whole run; the main metric is written into the manifest. Asks the judge, if there is one.

    Raises UserError when the judge cannot be reached at all.
    """
    manifest["metric"] = metric = MAIN if any(case.pair.answerable for case in answers.cases) else WITHOUT_ANSWERS
    judging = asyncio.run(judge_answers(request.judge, answers.folder, _judged(answers), assistant.settings, progress=progress))
    progress("scoring", 0, 0)
    scores = score_all(answers, _merged(_similarity(answers, assistant), judging.grounded))
    clusters = clusters_of(answers.cases)
    return Run(
        answers.folder.name,
        manifest,
        answers.cases,
        answers.retrievals,
        answers.replies,
        answers.failures,
        scores,
        _estimates(answers, scores, clusters),
        contrasts(scores, clusters, metric, margin=request.margin),
        attribute(answers.cases, answers.retrievals, answers.replies, scores),
        curves(answers.replies, answers.retrievals, scores),
        breakdown(answers.cases, scores, clusters, metric),
        judging.summary,
    )


def score_all(answers: Answers, measured: Measured) -> tuple[Scores, ...]:
    """The scores of every reply; failures have none."""
    cases, retrievals = {case.id: case for case in answers.cases}, {each.case: each for each in answers.retrievals}
    return tuple(
        score(cases[reply.case], retrievals[reply.case], reply, measured=measured.get((reply.case, reply.arm))) for reply in answers.replies
    )


def contrasts(scores: Sequence[Scores], clusters: Mapping[str, Hashable], metric: str, *, margin: float) -> tuple[Contrast, ...]:
    """The declared contrasts on the main metric, corrected for their number; then those on refusals, likewise."""
    arms = by_arm(scores)
    main = compare(arms, clusters, metric, margin=margin)
    pairs = [each for each in declared(list(arms)) if len(each.terms) == 2]
    others = [each for name in REFUSALS if name != metric for each in compare(arms, clusters, name, contrasts=pairs, margin=margin)]
    return (*main, *correct(others))


def _estimates(answers: Answers, scores: Sequence[Scores], clusters: Mapping[str, Hashable]) -> dict[str, dict[str, Estimate]]:
    found = estimates(scores, clusters)
    for arm, area in areas(answers.replies, answers.retrievals, scores, clusters).items():
        found[arm][AURC] = area
    return found


def _similarity(answers: Answers, assistant: Assistant) -> Measured:
    """By the index's embedder, all texts in one go; only where there is an accepted answer to be similar to."""
    pairs = {case.id: case.pair for case in answers.cases}
    replies = [reply for reply in answers.replies if pairs[reply.case].answerable and without_markers(reply.text)]
    texts = [without_markers(reply.text) for reply in replies]
    found = similarities(texts, [pairs[reply.case].answers for reply in replies], assistant.retriever.embedder.embed_queries)
    return {(reply.case, reply.arm): {"similarity": value} for reply, value in zip(replies, found, strict=True)}


def _judged(answers: Answers) -> Judging:
    """What a judge is asked: the statements of grounded replies, and the pairs of the declared contrasts."""
    cases = {case.id: case for case in answers.cases}
    by = {(reply.case, reply.arm): reply for reply in answers.replies}
    arms = list(dict.fromkeys(reply.arm for reply in answers.replies))
    pairs = {
        each.name: [
            (case, by[case.id, each.arm], by[case.id, each.other])
            for case in cases.values()
            if {(case.id, each.arm), (case.id, each.other)} <= by.keys()
        ]
        for each in declared(arms)
        if len(each.terms) == 2
    }
    return Judging([reply for reply in answers.replies if reply.passages and not reply.refused], pairs)


def _merged(*found: Measured) -> Measured:
    merged: dict[tuple[str, str], dict[str, float]] = {}
    for each in found:
        for key, values in each.items():
            merged.setdefault(key, {}).update(values)
    return merged
