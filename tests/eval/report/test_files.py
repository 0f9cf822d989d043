"""Laws of the files: whole or not there, one row for each case and arm, nothing that a spreadsheet computes."""

from __future__ import annotations

import csv
import json
import math
import os
from dataclasses import replace
from pathlib import Path

import pytest
from markupsafe import escape
from pydantic import TypeAdapter

from eval.report import write
from eval.report.files import as_csv, write_files
from eval.types import Run
from eval.verdict import Verdict, verdict
from rag.errors import UserError
from tests.eval.report.made import made_run

SAID = Verdict("A verdict.", ("With care.",))


@pytest.fixture(scope="module")
def run() -> Run:
    return made_run()


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.removeprefix("\ufeff").splitlines(keepends=True)))


def test_three_files_are_written_and_nothing_else(run: Run, tmp_path: Path) -> None:
    place = write_files(run, tmp_path / "new" / "report", SAID, language="ru")
    assert place.name == "report.html"
    assert sorted(os.listdir(place.parent)) == ["report.html", "report.json", "scores.csv"]


def test_a_report_that_cannot_be_made_leaves_the_old_one(run: Run, tmp_path: Path) -> None:
    write_files(run, tmp_path, SAID, language="en")
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(UserError):
        write_files(run, tmp_path, SAID, language="xx")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_a_folder_that_is_a_file_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("x")
    with pytest.raises(UserError, match=r"cannot be written to .*taken"):
        write_files(run, tmp_path / "taken", SAID, language="en")


def test_the_same_run_makes_the_same_files(run: Run, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_files(run, tmp_path / name, SAID, language="en")
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


def test_json_holds_the_whole_run(run: Run, tmp_path: Path) -> None:
    write_files(run, tmp_path, SAID, language="en")
    held = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert held["verdict"] == {"headline": "A verdict.", "notes": ["With care."]}
    assert TypeAdapter(Run).validate_python(held["run"]) == run


def test_json_survives_numbers_and_characters_it_cannot_write(run: Run, tmp_path: Path) -> None:
    odd = replace(run, contrasts=(replace(run.contrasts[0], mde=math.inf, p=math.nan),), name="half \ud800")
    write_files(odd, tmp_path, SAID, language="en")
    held = json.loads((tmp_path / "report.json").read_bytes(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert held["run"]["name"] == "half \ud800"
    assert held["run"]["contrasts"][0]["mde"] == "Infinity" and held["run"]["contrasts"][0]["p"] == "NaN"


def test_every_reply_and_every_failure_has_a_row(run: Run) -> None:
    found = {(row["case"], row["arm"]): row for row in rows(as_csv(run))}
    assert set(found) == {(each.case, each.arm) for each in run.replies} | {(each.case, each.arm) for each in run.failures}
    for failure in run.failures:
        row = found[failure.case, failure.arm]
        assert (row["outcome"], row["failure"], row["f1"], row["reply"]) == ("failed", failure.what, "", "")
    causes = {(each.case, each.arm): each.cause for each in run.lost}
    assert all(found[key]["cause"] == cause and found[key]["outcome"] == "lost" for key, cause in causes.items())


def test_scores_are_exact_and_what_does_not_apply_is_empty(run: Run) -> None:
    found = {(row["case"], row["arm"]): row for row in rows(as_csv(run))}
    metrics = {metric for scores in run.scores for metric in scores.values}
    for scores in run.scores:
        row = found[scores.case, scores.arm]
        assert {metric: float(row[metric]) for metric in metrics if row[metric]} == dict(scores.values)


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1"])
def test_no_cell_is_a_formula(run: Run, text: str) -> None:
    hostile = replace(run, replies=tuple(replace(each, text=text) for each in run.replies))
    assert {row["reply"][0] for row in rows(as_csv(hostile)) if row["reply"]} == {"'"}


@pytest.mark.parametrize("text", ["-5", "+3.2", "many\nlines; \"quoted\", 'and' more"])
def test_ordinary_answers_are_left_alone(run: Run, text: str) -> None:
    plain = replace(run, replies=tuple(replace(each, text=text) for each in run.replies))
    assert {row["reply"] for row in rows(as_csv(plain)) if row["reply"]} == {text}


def test_write_puts_the_verdict_of_the_run_on_top(run: Run, tmp_path: Path) -> None:
    for language in ("en", "ru"):
        html = write(run, tmp_path / language, language=language).read_text(encoding="utf-8")
        assert str(escape(verdict(run, language=language).headline)) in html
