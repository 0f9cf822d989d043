"""The whole of an evaluation: cases, retrieval frozen once, every arm asked, scores, statistics; resumable at any moment.

cases -> contexts.jsonl -> replies.jsonl -> Run (run.json)
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eval import journal, manifest, runs
from eval.arms.arm import OUTSIDE, Bench, Spec, adapters_named, default_arms, open_arms, parse_arms
from eval.cases.gold import missing_gold
from eval.cases.read import read_cases, spread
from eval.journal import Frozen, Journal
from eval.judging import Judges, check_judges
from eval.measure import Answers, measure
from eval.request import Request, as_json
from eval.runner import Stopwatch, freeze, plan, retrieval_of
from eval.runner import run as ask_all
from eval.types import Case, Run
from eval.votes import Vote
from rag.assistant import Assistant, open_assistant
from rag.errors import ServerError, UserError
from rag.progress import Progress, Tell, silent
from rag.settings import Settings
from rag.types import Context

CheckIdentity = Callable[[str], None]
"""Raises UserError when the adapter of that name does not answer otherwise than the base model: when it is not really loaded."""


def unheard(line: str) -> None:
    """Where nobody listens."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Who hears how it goes: `progress` for bars, `tell` for lines, `check_identity` before anything is asked."""

    progress: Progress = silent
    tell: Tell = unheard
    check_identity: CheckIdentity | None = None


@dataclass(slots=True)
class _Sitting:
    """One process at work on one run."""

    folder: Path
    request: Request
    assistant: Assistant
    specs: tuple[Spec, ...]
    cases: tuple[Case, ...]
    manifest: dict[str, Any]
    watch: Watch
    clock: Stopwatch


def evaluate(
    request: Request,
    settings: Settings,
    *,
    resume: Path | None = None,
    fresh: bool = False,
    facts: Mapping[str, Any] | None = None,
    votes: Sequence[Vote] = (),
    watch: Watch | None = None,
) -> tuple[Run, Path]:
    """Ask, score and save; returns the run and its folder.

    `facts`: further entries of the manifest (training_seconds: adapter -> seconds). `votes`: of people, to measure the judge against;
    where there are none, those that the run has already.
    An unfinished run of the same questions, arms, models and settings is gone on with, unless `fresh`; `resume` names one.
    Raises UserError before the first question for whatever would spoil the run, and ServerError when the server dies under way;
    what was answered stays in the journal. Ctrl-C likewise, after saying how to go on.
    """
    watch = watch or Watch()
    settings = prepared(settings, request)
    assistant = open_assistant(settings, progress=watch.progress)
    specs = arms_of(request, assistant)
    index = assistant.retriever.live.current()
    cases = spread(read_cases(request.qa, index.documents), request.limit, seed=request.seed)
    notes = missing_gold(index, cases)
    determines = manifest.determining(request, assistant, specs, cases)
    folder = _folder(settings, determines, resume=resume, fresh=fresh)
    with runs.held(folder):
        if (folder / runs.MANIFEST).is_file():
            described = runs.read_manifest(folder)
        else:
            described = manifest.describe(request, assistant, determines, specs)
        described |= {"notes": notes, "sittings": described["sittings"] + 1, "request": as_json(request), **(facts or {})}
        described["prices"] = asdict(request.prices)
        runs.write_manifest(folder, described)
        if votes:
            runs.write_votes(folder, votes)
        for note in notes:
            watch.tell(f"note: {note}")
        sitting = _Sitting(folder, request, assistant, specs, cases, described, watch, Stopwatch(described["seconds"]))
        return _held(sitting), folder


def prepared(settings: Settings, request: Request) -> Settings:
    """The settings of the run: the style that was asked for."""
    return settings.model_copy(update={"context": settings.context.model_copy(update={"style": request.style})})


def arms_of(request: Request, assistant: Assistant) -> tuple[Spec, ...]:
    """The arms that the request means. Without a named adapter it is the one that was loaded last, if any.

    Raises InputError for arms that cannot be, UnknownAdapter for an adapter that is not loaded.
    """
    adapters = request.adapters or tuple(assistant.routes.loaded())[-1:]
    asked = request.arms or default_arms(adapters)
    specs = parse_arms(asked, adapters=adapters, outside=request.outside)
    for name in dict.fromkeys((*request.adapters, *adapters_named(asked))):
        assistant.routes.find(name)
    return specs


def _folder(settings: Settings, determines: dict[str, Any], *, resume: Path | None, fresh: bool) -> Path:
    """The run to go on with, or a new one."""
    fingerprint = manifest.fingerprint(determines)
    if resume is not None:
        manifest.check_same(resume, runs.read_manifest(resume)["determines"], determines)
        return resume
    return (None if fresh else runs.unfinished(settings, fingerprint)) or runs.create(settings, fingerprint)


def _held(sitting: _Sitting) -> Run:
    """The sitting, once nobody else can write to the run."""
    try:
        asyncio.run(_ask(sitting))
        sitting.clock.start("scoring")
        run = measure(sitting.request, sitting.manifest, _answers(sitting), sitting.assistant, progress=sitting.watch.progress)
    except (KeyboardInterrupt, UserError):
        if entries := journal.answered(journal.read(sitting.folder / runs.REPLIES))[0]:
            sitting.watch.tell(f"Stopped with {len(entries)} answers. To go on: atlas eval --resume {sitting.folder.name}")
        raise
    finally:
        sitting.clock.stop()
        runs.write_manifest(sitting.folder, sitting.manifest)
    sitting.manifest["finished"] = manifest.now()
    runs.write_manifest(sitting.folder, sitting.manifest)
    runs.save(sitting.folder, run)
    return run


async def _ask(sitting: _Sitting) -> None:
    """Everything that was not asked yet."""
    assistant, folder, watch = sitting.assistant, sitting.folder, sitting.watch
    try:
        if any(spec.kind != OUTSIDE for spec in sitting.specs):
            await until_ready(assistant, progress=watch.progress)
        await check_judges(Judges(sitting.request.judge, sitting.request.nli), assistant.settings)
        await _check_identities(sitting)
        contexts = await _contexts(sitting)
        retrievals = {case.id: retrieval_of(case, contexts[case.id]) for case in sitting.cases}
        replies, failures = journal.answered(journal.read(folder / runs.REPLIES))
        if replies or failures:
            watch.tell(f"Going on with the run {folder.name}: {len(replies)} answers are there, {len(failures)} failures are asked again.")
        arms = open_arms(sitting.specs, Bench(assistant, sitting.cases, contexts, sitting.request.seed))
        try:
            asks = plan(sitting.cases, arms, retrievals, set(replies))
            sitting.clock.start("answering")
            began, before = time.perf_counter(), set(replies)
            with Journal(folder / runs.REPLIES) as lines:
                await ask_all(asks, lines, in_flight=sitting.request.in_flight, progress=watch.progress)
            seconds = time.perf_counter() - began
        finally:
            for arm in arms:
                await arm.close()
        now = [reply for key, reply in journal.answered(journal.read(folder / runs.REPLIES))[0].items() if key not in before]
        if now:
            sitting.manifest["throughput"] = manifest.throughput(now, seconds, sitting.request.in_flight)
    finally:
        await assistant.close()


async def _check_identities(sitting: _Sitting) -> None:
    """An adapter that is not really loaded would make two arms one, and the verdict wrong."""
    adapters = tuple(dict.fromkeys(spec.adapter for spec in sitting.specs if spec.adapter))
    checked = sitting.watch.check_identity is not None
    for name in adapters:
        if sitting.watch.check_identity is not None:
            sitting.watch.progress(f"checking that the adapter {name} is loaded", 0, 0)
            await asyncio.to_thread(sitting.watch.check_identity, name)
    sitting.manifest["identity_checked"] = dict.fromkeys(adapters, checked)


async def _contexts(sitting: _Sitting) -> dict[str, Context]:
    """One frozen context for each case: those of an earlier sitting as they were, the others retrieved now."""
    file = sitting.folder / runs.CONTEXTS
    known = {entry.case: entry.context for entry in journal.read(file) if isinstance(entry, Frozen)}
    lacking = [case for case in sitting.cases if case.id not in known]
    if lacking:
        sitting.clock.start("retrieving")
        with Journal(file) as lines:
            await freeze(sitting.assistant, lacking, lines, progress=sitting.watch.progress)
        known = {entry.case: entry.context for entry in journal.read(file) if isinstance(entry, Frozen)}  # as a resume would see them
    return known


def _answers(sitting: _Sitting) -> Answers:
    """From the journal alone, in the order of cases and arms: an undisturbed run and a resumed one are the same here."""
    contexts = {entry.case: entry.context for entry in journal.read(sitting.folder / runs.CONTEXTS) if isinstance(entry, Frozen)}
    replies, failures = journal.answered(journal.read(sitting.folder / runs.REPLIES))
    keys = [(case.id, spec.name) for case in sitting.cases for spec in sitting.specs]
    return Answers(
        sitting.folder,
        sitting.cases,
        tuple(retrieval_of(case, contexts[case.id]) for case in sitting.cases),
        tuple(replies[key] for key in keys if key in replies),
        tuple(failures[key] for key in keys if key in failures),
    )


async def until_ready(assistant: Assistant, *, progress: Progress = silent) -> None:
    """Wait for a model server that is starting. Raises ServerError when there is none."""
    from rag.serve import vllm

    settings = assistant.settings
    while waiting := await assistant.ready():
        starting = settings.generate.backend == "vllm" and isinstance(await asyncio.to_thread(vllm.status, settings), vllm.Starting)
        if not starting:
            raise ServerError(f"Nothing can be asked: {waiting}")
        progress("waiting for the model server", 0, 0)
        await asyncio.sleep(1.0)
