"""The runs of the home, as they are listed and opened; a run is read once for as long as its file stays the same."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.errors import UserError
from ui.messages.translation import translated
from ui.pages.adapters.markup import when
from ui.plain import one_line

if TYPE_CHECKING:
    from eval.report.view import View
    from eval.types import Run
    from rag.settings import Settings
    from ui.chat.text import Language
    from ui.pages.evaluate.text import Words

SHOWN = 60
PATIENCE = 1.5
"""Seconds spent on verdicts that were not read yet, before the list is shown without them."""


@dataclass(frozen=True, slots=True)
class Row:
    """A run in the list. `answers` in its journal; `questions` 0: not known yet; `headline` "": not finished, or not read yet."""

    run: str
    title: str
    created: str
    arms: tuple[str, ...]
    finished: bool
    answers: int
    questions: int = 0
    headline: str = ""


def rows(settings: Settings, language: Language, *, but: Sequence[str] = ()) -> list[Row]:
    """Newest first. One whose manifest is damaged is listed by its name alone."""
    from eval import runs

    began = time.monotonic()
    found = []
    for folder in list(reversed(runs.everything(settings)))[:SHOWN]:
        if folder.name not in but:
            found.append(_row(folder, language, read=time.monotonic() - began < PATIENCE))
    return found


def _row(folder: Path, language: Language, *, read: bool) -> Row:
    from eval import runs

    try:
        held = runs.read_manifest(folder)
    except UserError:
        held = {}
    finished, answers = runs.finished(folder), _lines(folder / runs.REPLIES)
    headline, questions = "", 0
    if finished and (read or _stamp(folder) in _known):
        try:
            headline, questions = told(folder, language)
        except UserError as exc:
            headline = translated(exc.what, language)
    arms, created = tuple(map(str, held.get("arms") or ())), when(held.get("created"))
    return Row(folder.name, str(held.get("name") or ""), created, arms, finished, answers, questions, headline)


def choices(found: Sequence[Row], words: Words) -> list[tuple[str, str]]:
    """(some lines of plain text, run): when or how it is called; what was asked; what came of it."""
    return [(_label(row, words), row.run) for row in found]


def _label(row: Row, words: Words) -> str:
    first = " · ".join(filter(None, [row.created or one_line(row.run), one_line(row.title, 60)]))
    second = [words.count(row.questions) if row.questions else words.answers.format(n=row.answers), one_line(", ".join(row.arms), 120)]
    third = one_line(row.headline, 220) if row.finished else f"… {words.unfinished}"
    return "\n".join(filter(None, [first, " · ".join(filter(None, second)), third]))


def names(found: Sequence[Row]) -> list[tuple[str, str]]:
    """Finished ones, for a short list."""
    return [(" · ".join(filter(None, [row.created, one_line(row.title, 40), row.run[-12:]])), row.run) for row in found if row.finished]


def find(settings: Settings, run: str | None) -> Path | None:
    """The folder of a run by its whole name; None for anything else, so that no name leads out of the runs."""
    from eval import runs

    return next((folder for folder in runs.everything(settings) if folder.name == run), None)


def told(folder: Path, language: Language) -> tuple[str, int]:
    """The verdict's headline and the number of questions. Raises UserError."""
    from eval.verdict import verdict

    key = (*_stamp(folder), language)
    if key not in _headlines:
        run = open_run(folder)
        _headlines[key] = (verdict(run, language=language).headline, len(run.cases))
        _known.add(_stamp(folder))
    return _headlines[key]


def open_run(folder: Path) -> Run:
    """Raises UserError when it is not finished, or damaged."""
    return _opened(*_stamp(folder))


def view(folder: Path, language: Language) -> View:
    """The run looked up by case and arm, with the report's words. Raises UserError."""
    return _viewed(*_stamp(folder), language)


_headlines: dict[tuple[Any, ...], tuple[str, int]] = {}
_known: set[tuple[Path, int]] = set()


def _stamp(folder: Path) -> tuple[Path, int]:
    from eval.runs import RUN

    file = folder / RUN
    return folder, file.stat().st_mtime_ns if file.is_file() else 0


@lru_cache(maxsize=4)
def _opened(folder: Path, stamp: int) -> Run:
    from eval import runs

    return runs.load(folder)


@lru_cache(maxsize=4)
def _viewed(folder: Path, stamp: int, language: Language) -> View:
    from eval.report.view import View

    return View(_opened(folder, stamp), language)


def _lines(file: Path) -> int:
    try:
        with file.open("rb") as stream:
            return sum(block.count(b"\n") for block in iter(lambda: stream.read(1 << 20), b""))
    except OSError:
        return 0
