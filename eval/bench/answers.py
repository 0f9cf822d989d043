"""How good the answers are: exact match and F1 against the accepted ones, citations, language, refusals, and how fast they come."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from eval.bench.retrieval import named
from eval.bench.sets import QaSet, cluster
from eval.intervals import Bootstrap, Interval
from eval.metrics.language import speaks
from eval.metrics.text import exact_match, token_f1
from rag.assistant import Assistant, open_assistant
from rag.context.citations import MARKER
from rag.errors import UserError
from rag.index.build import build
from rag.progress import Progress, silent
from rag.qa import Pair
from rag.settings import Settings
from rag.types import Answer, Finished

IN_FLIGHT = 16
"""Questions asked at once: what a model server is built for."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question put to one arm: its answer, or why there is none. A failure is never averaged as a zero."""

    pair: Pair
    answer: Answer | None
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Mean F1 and exact match of the answerable questions of one kind, or one language."""

    name: str
    questions: int
    f1: float
    exact: float


@dataclass(frozen=True, slots=True)
class ArmReport:
    """`metrics`: name -> interval; those about refused or cited answers say of which answers they are the share.

    `seconds` is the wall time of all questions of this arm, IN_FLIGHT at once; `first_token` and `whole` are medians.
    """

    arm: str
    model: str
    questions: int
    failures: tuple[str, ...]
    metrics: Mapping[str, Interval]
    groups: tuple[Group, ...]
    seconds: float
    questions_per_second: float
    first_token: float
    whole: float
    asked: tuple[Asked, ...]


@dataclass(frozen=True, slots=True)
class AnswersReport:
    name: str
    index_version: str
    arms: tuple[ArmReport, ...]


def bench_answers(
    qa_set: QaSet, settings: Settings, *, arms: Sequence[str] = ("rag",), limit: int = 0, unanswerable: int = 0, progress: Progress = silent
) -> AnswersReport:
    """Build (or reuse) the set's index and put the questions to each arm, short answers asked for.

    `limit` answerable questions (0 = all) and `unanswerable` others, spread evenly over the set.
    Raises what the index and the assistant raise; a question that fails is counted, but when all fail, the first is raised.
    """
    short = settings.context.model_copy(update={"style": "short"})
    settings = named(settings, qa_set.name).model_copy(update={"context": short})
    built = build(settings, corpus=qa_set.corpus, progress=progress)
    pairs = [*qa_set.answerable(limit), *(qa_set.unanswerable(unanswerable) if unanswerable else [])]
    reports = asyncio.run(_all_arms(open_assistant(settings, progress=progress), pairs, arms, progress))
    return AnswersReport(qa_set.name, built.version, tuple(reports))


async def _all_arms(assistant: Assistant, pairs: Sequence[Pair], arms: Sequence[str], progress: Progress) -> list[ArmReport]:
    try:
        return [await run_arm(assistant, pairs, arm, progress=progress) for arm in arms]
    finally:
        await assistant.close()


async def run_arm(assistant: Assistant, pairs: Sequence[Pair], arm: str, *, progress: Progress = silent) -> ArmReport:
    """All questions to one arm, IN_FLIGHT at once."""
    gate = asyncio.Semaphore(IN_FLIGHT)
    done = 0

    async def ask(pair: Pair) -> Asked:
        nonlocal done
        async with gate:
            try:
                asked = Asked(pair, await _answer(assistant, pair, arm))
            except UserError as exc:
                asked = Asked(pair, None, str(exc))
            done += 1
            progress(f"answering ({arm})", done, len(pairs))
            return asked

    began = time.perf_counter()
    asked = await asyncio.gather(*(ask(pair) for pair in pairs))
    seconds = time.perf_counter() - began
    if all(each.answer is None for each in asked):
        raise UserError(f"No question was answered by the arm '{arm}'. The first failure: {asked[0].failure}")
    return _report(arm, asked, seconds)


async def _answer(assistant: Assistant, pair: Pair, arm: str) -> Answer:
    async with aclosing(assistant.stream(pair.question, arm, pair.history)) as events:
        async for event in events:
            if isinstance(event, Finished):
                return event.answer
    raise UserError("The answer was cut off.", "Ask again.")


def said(answer: Answer) -> str:
    """What is compared: the answer without its citation markers."""
    return MARKER.sub("", answer.text).strip()


def _report(arm: str, asked: Sequence[Asked], seconds: float) -> ArmReport:
    answered = [(each.pair, each.answer) for each in asked if each.answer is not None]
    timings = [answer.provenance.timing for _, answer in answered]
    return ArmReport(
        arm=arm,
        model=answered[0][1].provenance.model,
        questions=len(asked),
        failures=tuple(each.failure for each in asked if each.answer is None),
        metrics=_metrics(arm, answered),
        groups=_groups([(pair, answer) for pair, answer in answered if pair.answerable]),
        seconds=seconds,
        questions_per_second=len(asked) / seconds,
        first_token=_median([timing.first_token for timing in timings if timing.first_token]),
        whole=_median([timing.total for timing in timings if timing.total]),
        asked=tuple(asked),
    )


def _metrics(arm: str, answered: Sequence[tuple[Pair, Answer]]) -> dict[str, Interval]:
    """Name -> mean with its interval; a share of no answers at all is left out."""
    right = [(pair, answer) for pair, answer in answered if pair.answerable]
    given = [(pair, answer) for pair, answer in right if not answer.refused]
    judged = [(pair, answer) for pair, answer in given if speaks(said(answer), pair.language, pair.answers) is not None]
    found: dict[str, Interval] = {}

    def add(name: str, rows: Sequence[tuple[Pair, Answer]], value: Callable[[Pair, Answer], float]) -> None:
        if rows:
            found[name] = Bootstrap([cluster(pair) for pair, _ in rows]).mean([value(pair, answer) for pair, answer in rows])

    add("F1", right, lambda pair, answer: token_f1(said(answer), pair.answers, pair.language))
    add("exact match", right, lambda pair, answer: exact_match(said(answer), pair.answers, pair.language))
    add("refused, answerable", right, lambda _, answer: float(answer.refused))
    add("refused, unanswerable", [row for row in answered if not row[0].answerable], lambda _, answer: float(answer.refused))
    add("in the question's language", judged, lambda pair, answer: float(bool(speaks(said(answer), pair.language, pair.answers))))
    if arm.startswith("rag"):
        add("gold file in the context", right, _gold_in_context)
        add("answers that cite", given, lambda _, answer: float(bool(answer.citations)))
        add("citations of a gold file", [row for row in given if row[1].citations], _gold_share)
    return found


def _gold_share(pair: Pair, answer: Answer) -> float:
    """Share of the citations that name an accepted file."""
    paths = {source.number: source.path for source in answer.context.sources} if answer.context else {}
    return sum(paths.get(citation.number) in pair.docs for citation in answer.citations) / len(answer.citations)


def _gold_in_context(pair: Pair, answer: Answer) -> float:
    return float(answer.context is not None and any(source.path in pair.docs for source in answer.context.sources))


def _groups(rows: Sequence[tuple[Pair, Answer]]) -> tuple[Group, ...]:
    found: dict[str, list[tuple[float, float]]] = {}
    for pair, answer in rows:
        text = said(answer)
        scores = (token_f1(text, pair.answers, pair.language), exact_match(text, pair.answers, pair.language))
        for name in (f"language {pair.language}", f"kind {pair.kind or '-'}"):
            found.setdefault(name, []).append(scores)
    return tuple(
        Group(name, len(each), sum(f1 for f1, _ in each) / len(each), sum(exact for _, exact in each) / len(each))
        for name, each in sorted(found.items())
    )


def _median(values: Sequence[float]) -> float:
    """0 when there are none: nothing was generated (every question was abstained from)."""
    return statistics.median(values) if values else 0.0
