"""The scores of a run while it runs, from its journal as it grows. Provisional: its arms were not asked the same questions yet."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING

from rag.errors import UserError
from ui.pages.adapters.markup import Html, code, notice, safe, spoken, table
from ui.pages.evaluate.form import run_of

if TYPE_CHECKING:
    from eval.types import Failure, Reply
    from rag.qa import Pair
    from rag.settings import Settings
    from ui.jobs.jobs import Job
    from ui.pages.evaluate.text import Words

Key = tuple[str, str]
SLACK = 2.0
"""Seconds by which the clocks of files and of the page may differ."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One arm so far. `f1`: mean over the answered questions that have an answer, None without one; `p50`: seconds, None without a time."""

    arm: str
    answered: int
    f1: float | None
    refused: int
    refused_rightly: int
    failed: int
    p50: float | None


@dataclass(slots=True)
class Growing:
    """The journal of one run, read on from where the last look ended. Safe for several pages at once."""

    folder: Path
    pairs: Mapping[str, Pair] = field(default_factory=dict)
    arms: tuple[str, ...] = ()
    _replies: dict[Key, Reply] = field(default_factory=dict)
    _failures: dict[Key, Failure] = field(default_factory=dict)
    _f1: dict[Key, float] = field(default_factory=dict)
    _offset: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, folder: Path) -> Growing:
        """Its questions and arms from the manifest; where the files are gone, nothing can be scored but everything counted."""
        from eval import runs
        from eval.cases.read import read_cases
        from eval.request import from_json

        try:
            held = runs.read_manifest(folder)
            request = from_json(held.get("request"))
            arms = tuple(map(str, held.get("arms", ())))
        except UserError:
            return cls(folder)
        try:
            return cls(folder, {case.id: case.pair for case in read_cases(request.qa)}, arms)
        except UserError:
            return cls(folder, {}, arms)

    def look(self) -> list[Standing]:
        """Every arm, in the order of the manifest."""
        with self._lock:
            self._read()
            arms = dict.fromkeys([*self.arms, *(arm for _, arm in (*self._replies, *self._failures))])
            return [self._standing(arm) for arm in arms]

    def _read(self) -> None:
        from eval.journal import decode
        from eval.runs import REPLIES

        try:
            with (self.folder / REPLIES).open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except OSError:
            return  # nothing was answered yet
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.split(b"\n")[:-1]:
            try:
                self._take(decode(line))
            except ValueError:
                continue  # the run itself says what is wrong with it, when it is gone on with

    def _take(self, entry: object) -> None:
        from eval.metrics.text import token_f1
        from eval.types import Failure, Reply
        from rag.context.citations import without_markers

        if isinstance(entry, Reply):
            key = (entry.case, entry.arm)
            self._replies[key] = entry
            self._failures.pop(key, None)
            pair = self.pairs.get(entry.case)
            if pair is not None and pair.answerable:
                self._f1[key] = token_f1(without_markers(entry.text), pair.answers, pair.language)
        elif isinstance(entry, Failure) and (entry.case, entry.arm) not in self._replies:
            self._failures[entry.case, entry.arm] = entry

    def _standing(self, arm: str) -> Standing:
        replies = [reply for (_, name), reply in self._replies.items() if name == arm]
        f1 = [value for (_, name), value in self._f1.items() if name == arm]
        refused = [reply for reply in replies if reply.refused]
        times = [reply.total for reply in replies if reply.total > 0 and not reply.abstained]
        rightly = sum(reply.case in self.pairs and not self.pairs[reply.case].answerable for reply in refused)
        failed = sum(name == arm for _, name in self._failures)
        return Standing(arm, len(replies), fmean(f1) if f1 else None, len(refused), rightly, failed, median(times) if times else None)


def folder_of(job: Job, settings: Settings) -> Path | None:
    """The run that a job is at work on: the one it resumes, else the one whose files were written since it began."""
    from eval import runs

    if name := run_of(job):
        try:
            return runs.find(settings, name)
        except UserError:
            return None
    until = (job.ended or float("inf")) + SLACK
    written = {folder: _written(folder) for folder in runs.everything(settings)}
    found = [folder for folder, at in written.items() if job.began - SLACK <= at <= until]
    return max(found, key=lambda folder: written[folder], default=None)


def _written(folder: Path) -> float:
    from eval import runs

    times = [file.stat().st_mtime for name in (runs.MANIFEST, runs.REPLIES) if (file := folder / name).is_file()]
    return max(times, default=0.0)


def standings(found: list[Standing], words: Words) -> str:
    """The table, with the word that it is provisional before it."""
    if not found:
        return ""
    head = (words.arm, words.answered, words.f1, words.refused, words.failed, words.p50)
    rows = ((code(each.arm), *_cells(each, words)) for each in found)
    shown = table(words.running, head, rows)
    title = Html(f"<header><h3>{safe(words.running)}</h3></header>{notice('warn', '≈', words.provisional, words.code)}")
    return spoken(words.code, f'<article class="sheet standings" aria-live="off">{title}{shown}</article>')


def _cells(each: Standing, words: Words) -> tuple[str, ...]:
    return (
        str(each.answered),
        words.number(100 * each.f1) if each.f1 is not None else words.not_measured,
        words.refused_rightly.format(n=each.refused, right=each.refused_rightly) if each.refused else "0",
        str(each.failed),
        words.seconds.format(words.number(each.p50, 2)) if each.p50 is not None else words.not_measured,
    )
