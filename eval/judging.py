"""Judging a whole run: is a reply supported by its passages, and which of two replies is better. Off unless asked for.

Every verdict is written to the run's judge.jsonl as it comes, so that no question is put to the judge twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from eval.arms.outside import elsewhere
from eval.judge import Judged, judge_pairs
from eval.metrics.groundedness import Grounder, JudgeGrounder
from eval.metrics.nli import open_nli
from eval.remembering import JudgeGone, remembering
from eval.types import Case, Reply
from rag.errors import ServerError
from rag.generate.generator import open_generator
from rag.progress import Progress, silent
from rag.settings import Settings

FILE = "judge.jsonl"
AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Judges:
    """Who judges. `model`: URL#model of a language model; `nli`: folder of an NLI model, for groundedness in its place. "": none."""

    model: str = ""
    nli: str = ""


@dataclass(frozen=True, slots=True)
class Judging:
    """What is to be judged. `pairs`: name of a contrast -> (case, the arm's reply, the other's); `votes`: see `eval.votes.to_judge`."""

    grounded: Sequence[tuple[Case, Reply]]
    pairs: Mapping[str, Sequence[tuple[Case, str, str]]]
    votes: Sequence[tuple[Case, str, str]] = ()


@dataclass(frozen=True, slots=True)
class Verdicts:
    """`grounded`: (case, arm) -> {"groundedness": share}; a reply without any verdict is not there. `statements`: how many were
    judged, and on how many there is no verdict. `pairs`: name of a contrast -> its judgements; `votes`: those on the votes."""

    model: str = ""
    grounder: str = ""
    grounded: Mapping[tuple[str, str], Mapping[str, float]] = field(default_factory=dict)
    statements: tuple[int, int] = (0, 0)
    pairs: Mapping[str, Judged] = field(default_factory=dict)
    votes: Judged | None = None


async def check_judges(judges: Judges, settings: Settings) -> None:
    """Before anything is asked of anybody. Raises ServerError when there is no judge at the address, ModelError for no NLI model."""
    if judges.nli:
        await asyncio.to_thread(open_nli, judges.nli, settings)
    if judges.model:
        generator = open_generator(await asyncio.to_thread(elsewhere, settings, judges.model))
        try:
            if waiting := await generator.ready():
                raise ServerError(f"The judge cannot be asked: {waiting}", "Start it, or leave --judge out.")
        finally:
            await generator.close()


async def judge_answers(judges: Judges, folder: Path, what: Judging, settings: Settings, *, progress: Progress = silent) -> Verdicts:
    """Everything judged; nothing where there are no judges. Raises ServerError when the judge is not there or goes away under way:
    what it said until then is kept."""
    nli = open_nli(judges.nli, settings, progress=progress) if judges.nli else None
    if not judges.model:
        grounded, statements = await _grounded(nli, what.grounded, progress) if nli else ({}, (0, 0))
        return Verdicts(grounder=judges.nli, grounded=grounded, statements=statements)
    remote = await asyncio.to_thread(elsewhere, settings, judges.model)
    generator = open_generator(remote)
    name = f"{remote.generate.base_url}#{remote.generate.model}"
    try:
        ask = remembering(generator, folder / FILE)
        grounded, statements = await _grounded(nli or JudgeGrounder(ask), what.grounded, progress)
        pairs = {}
        for done, (contrast, asked) in enumerate(what.pairs.items()):
            progress("judging pairs", done, len(what.pairs))
            pairs[contrast] = await judge_pairs(asked, ask, in_flight=AT_ONCE)
        votes = await judge_pairs(what.votes, ask, in_flight=AT_ONCE) if what.votes else None
    except JudgeGone as exc:
        raise ServerError(f"The judge {name} has gone: {exc}", "What it said is kept; go on when it is back.") from exc
    finally:
        await generator.close()
    return Verdicts(name, judges.nli or name, grounded, statements, pairs, votes)


async def _grounded(
    grounder: Grounder, replies: Sequence[tuple[Case, Reply]], progress: Progress
) -> tuple[dict[tuple[str, str], dict[str, float]], tuple[int, int]]:
    gate = asyncio.Semaphore(AT_ONCE)
    found: dict[tuple[str, str], dict[str, float]] = {}
    judged = failed = done = 0

    async def one(case: Case, reply: Reply) -> None:
        nonlocal judged, failed, done
        async with gate:
            grounding = await grounder(case.pair.question, reply.text, [passage.text for passage in reply.passages])
        if grounding.share is not None:
            found[reply.case, reply.arm] = {"groundedness": grounding.share}
        judged += len(grounding.supported) + len(grounding.unsupported)
        failed += len(grounding.failed)
        done += 1
        progress("judging groundedness", done, len(replies))

    await asyncio.gather(*(one(*each) for each in replies))
    return found, (judged, failed)
