"""From the answers of a run to its scores, estimates, contrasts and causes: what the report is made of."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval import runs
from eval.attribution import attribute
from eval.judged import summary
from eval.judging import Judges, Judging, judge_answers
from eval.metrics.similarity import similarities
from eval.request import Request
from eval.scoring import score
from eval.statistics.clusters import clusters_of
from eval.statistics.contrasts import by_arm, compare, correct, declared
from eval.statistics.estimates import AURC, areas, breakdown, curves, estimates
from eval.types import Case, Contrast, Estimate, Failure, Reply, Retrieval, Run, Scores
from eval.votes import Vote, to_judge
from rag.assistant import Assistant
from rag.context.citations import without_markers
from rag.progress import Progress, silent

MAIN, WITHOUT_ANSWERS = "f1", "refusal_right"
"""The metric of the verdict; the second where no question has an answer."""
REFUSALS = ("refusal_recall", "over_refusal")
"""Compared as well, as a family of their own: what an adapter gains in F1 it may lose in refusals.

Two families, because two questions were declared beforehand, about different sides of an answer, and a look at refusals is not to
make a gain in answers harder to find. Each holds its own 5 %: where nothing differs at all, at most one run in 20 finds a
difference among the answers, at most one in 20 among the refusals, and so at most one in 10 anywhere.
"""
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
    votes = runs.votes_of(answers.folder) if request.judge else ()
    judges, what = Judges(request.judge, request.nli), _judged(answers, votes)
    verdicts = asyncio.run(judge_answers(judges, answers.folder, what, assistant.settings, progress=progress))
    progress("scoring", 0, 0)
    scores = score_all(answers, _merged(_similarity(answers, assistant), verdicts.grounded))
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
        summary(verdicts, clusters, votes),
    )


def score_all(answers: Answers, measured: Measured) -> tuple[Scores, ...]:
    """The scores of every reply; failures have none."""
    cases, retrievals = {case.id: case for case in answers.cases}, {each.case: each for each in answers.retrievals}
    return tuple(
        score(cases[reply.case], retrievals[reply.case], reply, measured=measured.get((reply.case, reply.arm))) for reply in answers.replies
    )


def contrasts(scores: Sequence[Scores], clusters: Mapping[str, Hashable], metric: str, *, margin: float) -> tuple[Contrast, ...]:
    """The declared contrasts on the main metric, corrected for their number; then those on refusals, as another family (see REFUSALS)."""
    arms = by_arm(scores)
    main = compare(arms, clusters, metric, margin=margin)
    pairs = [each for each in declared(list(arms)) if len(each.terms) == 2]
    names = [name for name in REFUSALS if name != metric]
    family = len(pairs) * len(names)
    others = [each for name in names for each in compare(arms, clusters, name, contrasts=pairs, margin=margin, family=family)]
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


def _judged(answers: Answers, votes: Sequence[Vote]) -> Judging:
    """What a judge is asked: the statements of grounded replies, the pairs of the declared contrasts, and the votes of people."""
    cases = {case.id: case for case in answers.cases}
    by = {(reply.case, reply.arm): reply for reply in answers.replies}
    arms = list(dict.fromkeys(reply.arm for reply in answers.replies))
    pairs = {
        each.name: [
            (case, by[case.id, each.arm].text, by[case.id, each.other].text)
            for case in cases.values()
            if {(case.id, each.arm), (case.id, each.other)} <= by.keys()
        ]
        for each in declared(arms)
        if len(each.terms) == 2
    }
    grounded = [(cases[reply.case], reply) for reply in answers.replies if reply.passages and not reply.refused]
    return Judging(grounded, pairs, to_judge(votes, answers.cases))


def _merged(*found: Measured) -> Measured:
    merged: dict[tuple[str, str], dict[str, float]] = {}
    for each in found:
        for key, values in each.items():
            merged.setdefault(key, {}).update(values)
    return merged
