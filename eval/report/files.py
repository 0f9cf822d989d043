"""The three files of a report, each whole or not there: report.html, report.json, scores.csv."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from eval.cost import costs
from eval.report.page import page
from eval.report.visible import visible
from eval.types import Case, Run
from eval.verdict import Verdict
from rag.errors import UserError

FORMAT = 1
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a cell begins that a spreadsheet would compute (OWASP, "CSV injection")
ABOUT = ("case", "arm", "origin", "question", "language", "kind", "tags", "answerable", "accepted", "gold")
SAID = ("outcome", "cause", "refused", "abstained", "reply", "failure")
COST = ("first_token_seconds", "total_seconds", "prompt_tokens", "answer_tokens")


def write_files(run: Run, folder: Path, verdict: Verdict, *, language: str) -> Path:
    """Write all three and return the page's path. Raises UserError when the folder cannot be written to."""
    place = folder / "report.html"
    html = page(run, verdict, language=language)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _whole(folder / "scores.csv", as_csv(run))
        _whole(folder / "report.json", as_json(run, verdict))
        _whole(place, html)  # last: where it is, the others are
    except OSError as exc:
        raise UserError(f"The report cannot be written to {folder} ({exc.strerror or exc}).", "Choose another folder.") from exc
    return place


def as_json(run: Run, verdict: Verdict) -> str:
    """The whole run; numbers that are not finite become the words "NaN", "Infinity" and "-Infinity", which JSON has no sign for."""
    spent = {arm: {**asdict(cost), "each": cost.each, "whole": cost.whole} for arm, cost in costs(run).items()}
    whole = {"format": FORMAT, "verdict": _plain(verdict), "run": _plain(run), "cost_of_a_right_answer": _plain(spent)}
    return json.dumps(whole, ensure_ascii=False, allow_nan=False) + "\n"


def as_csv(run: Run) -> str:
    """One row for each case and arm, failures too; what does not apply is an empty cell. The byte order mark is for spreadsheets."""
    metrics = list(dict.fromkeys(metric for scores in run.scores for metric in scores.values))
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([*ABOUT, *map(_cell, metrics), *SAID, *COST])
    writer.writerows(_rows(run, metrics))
    return "\ufeff" + out.getvalue()


def _rows(run: Run, metrics: list[str]) -> Iterator[list[object]]:
    cases = {case.id: case for case in run.cases}
    scores = {(each.case, each.arm): each.values for each in run.scores}
    lost = {(each.case, each.arm): each.cause for each in run.lost}
    for reply in run.replies:
        key = (reply.case, reply.arm)
        found = scores.get(key, {})
        outcome = "lost" if key in lost else "right"
        said = [outcome, _cell(lost.get(key, "")), reply.refused, reply.abstained, _cell(reply.text), ""]
        cost = [reply.first_token, reply.total, reply.prompt_tokens, reply.answer_tokens]
        yield [*_about(cases.get(reply.case), *key), *(found.get(metric, "") for metric in metrics), *said, *cost]
    for failure in run.failures:
        about = _about(cases.get(failure.case), failure.case, failure.arm)
        yield [*about, *("" for _ in metrics), "failed", "", "", "", "", _cell(failure.what), "", "", "", ""]


def _about(case: Case | None, name: str, arm: str) -> list[object]:
    if case is None:
        return [_cell(name), _cell(arm), *("" for _ in ABOUT[2:])]
    pair = case.pair
    told = (case.origin, pair.question, pair.language, pair.kind, " ".join(case.tags))
    return [*map(_cell, (name, arm, *told)), pair.answerable, _cell(" | ".join(pair.answers)), _cell(" | ".join(pair.docs))]


def _cell(text: str) -> str:
    """A text that no terminal and no spreadsheet acts upon; a plain number stays one."""
    text = visible(text)
    if not text.startswith(FORMULA):
        return text
    try:
        float(text)
    except ValueError:
        return "'" + text
    return text


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _whole(file: Path, text: str) -> None:
    unfinished = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        with unfinished.open("wb") as out:
            out.write(text.encode("utf-8", "backslashreplace"))  # half a surrogate pair becomes \\ud800, which JSON reads
            out.flush()
            os.fsync(out.fileno())
        os.replace(unfinished, file)
    finally:
        unfinished.unlink(missing_ok=True)
