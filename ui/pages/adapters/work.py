"""The jobs of this page: starting them, and what is shown of those that run or have just ended."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rag.errors import UserError
from ui.jobs.card import job_card
from ui.jobs.record import BUSY
from ui.pages.adapters import form
from ui.pages.adapters.curve import curve
from ui.pages.adapters.markup import Html, done, facts, paragraph, safe, spoken

if TYPE_CHECKING:
    from adapters.train.unfinished import Unfinished
    from rag.settings import Settings
    from ui.jobs.jobs import Job, Jobs
    from ui.pages.adapters.text import Words

Action = Literal["load", "unload", "merge", "export", "delete"]
RECENT = 1800.0
"""Seconds for which the card of an ended job stays on the page."""


def start(action: Action, name: str, jobs: Jobs, settings: Settings, words: Words) -> Job:
    """Do it with an adapter, as a job. Raises UserError."""
    titles = {
        "load": words.job_load,
        "unload": words.job_unload,
        "merge": words.job_merge,
        "export": words.job_export,
        "delete": words.job_delete,
    }
    further = {"delete": ("--yes",), "export": (str(place_for(name, settings)),)}.get(action, ())
    kind: Literal["merge", "load"] = "merge" if action == "merge" else "load"
    return jobs.start(kind, titles[action].format(name=name), ("adapters", action, name, *further))


def place_for(name: str, settings: Settings) -> Path:
    """A folder that is not there yet."""
    root = (settings.home / "exports").resolve()
    return next(place for number in range(1, 10_000) if not (place := root / (name if number == 1 else f"{name}-{number}")).exists())


def resumable(jobs: Jobs, settings: Settings) -> list[Unfinished]:
    """Unfinished trainings that no job is at work on."""
    from adapters.train.unfinished import unfinished

    busy = {form.name_of(job) for job in jobs.all("train") if job.state in BUSY}
    return [each for each in unfinished(settings.home) if each.name not in busy]


def resume(name: str, jobs: Jobs, settings: Settings, words: Words) -> Job:
    """The command it was started with once more; one that was started elsewhere is put together from its request. Raises UserError."""
    from adapters.train.unfinished import command

    found = next((each for each in resumable(jobs, settings) if each.name == name), None)
    if found is None:
        raise UserError(f"There is no unfinished training '{name}' to go on with.", "It may be at work already.")
    before = next((job for job in jobs.all("train") if form.name_of(job) == name and not form.is_estimate(job)), None)
    arguments = tuple(word for word in before.arguments if word != "--fresh") if before else command(found)
    return jobs.start("train", words.job_train.format(name=name, method=found.method), arguments)


def newest(jobs: Sequence[Job], now: float | None = None) -> Job | None:
    """The one that runs, else waits, else ended a short while ago."""
    for state in BUSY[::-1]:
        if found := [job for job in jobs if job.state == state]:
            return found[-1]
    recent = (job for job in jobs if job.ended is None or (now or time.time()) - job.ended < RECENT)
    return next(recent, None)


def moves(jobs: Jobs, words: Words) -> str:
    """Loading, merging and the like: the newest, and what has come of it."""
    found = newest(sorted([*jobs.all("load"), *jobs.all("merge")], key=lambda job: -job.began))
    if found is None:
        return ""
    said = ""
    if found.state == "done" and found.arguments[:2] == ("adapters", "load"):
        said = done(words.answers_now, words.code)
    if found.state == "done" and found.arguments[:2] == ("adapters", "export"):
        said = done(words.exported.format(place=found.arguments[3]), words.code)
    return spoken(words.code, job_card(found, words.code), said)


def training(jobs: Jobs, settings: Settings, words: Words) -> str:
    """The newest training or estimate, with its curve or its numbers."""
    found = newest(jobs.all("train"))
    if found is None:
        return ""
    more: str = estimate(found, words) if form.is_estimate(found) else live_curve(found, settings, words)
    return spoken(words.code, job_card(found, words.code), more)


def estimate(job: Job, words: Words) -> str:
    found = form.estimate_of(job.lines) if job.state == "done" else None
    if found is None or not {"seconds", "gigabytes"} <= found.keys():
        return ""
    minutes = max(1, round(found["seconds"] / 60))
    head = f"{words.minutes.format(minutes)}, {words.gigabytes.format(words.number(found['gigabytes']))}"
    rows = [
        (words.examples, "examples"),
        (words.tokens, "tokens"),
        (words.steps, "steps"),
        (words.parameters, "parameters"),
        (words.speed, "tokens_per_second"),
    ]
    listed = facts((name, words.count(round(found[key]))) for name, key in rows if key in found)
    cut = ""
    if found.get("whole_steps", 0) > found.get("steps", 0):
        whole = words.minutes.format(max(1, round(found["whole_seconds"] / 60)))
        cut = paragraph(words.estimate_cut.format(words.count(round(found["whole_steps"])), whole))
    return Html(
        f'<article class="sheet estimate"><h3>{safe(words.estimate_title)}</h3><p class="big">{safe(head)}</p>{listed}'
        f"{cut}{paragraph(words.estimate_done)}</article>"
    )


def live_curve(job: Job, settings: Settings, words: Words) -> str:
    """From the training's folder while it is there, else from the card that it ended in."""
    from adapters import store
    from adapters.card import Card
    from adapters.train.curve import read
    from adapters.train.request import folder_of

    name = form.name_of(job)
    try:
        points = read(folder_of(settings.home, store.check_name(name)))
        if not points and job.state == "done":
            points = Card.read(store.find(name, settings.home).folder).curve
    except UserError:
        return ""
    steps = job.total if job.stage == "training" else 0
    return Html(f'<div class="sheet">{curve(points, words, name="live-curve", steps=steps)}</div>') if points else ""
