"""Progress also goes to the file that a page names, beside what is shown, and never stops a command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ui import console
from ui.console import FILE_VARIABLE, ProgressFile, progress


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("terminal", [False, True])
def test_it_is_written_with_and_without_a_terminal(
    terminal: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from rich.console import Console

    monkeypatch.setattr(console, "err", Console(stderr=True, force_terminal=terminal))
    monkeypatch.setenv(FILE_VARIABLE, str(tmp_path / "p"))
    with progress() as show:
        show("reading", 0, 2)
        show("reading", 2, 2)
    assert [(each["stage"], each["done"], each["total"]) for each in lines(tmp_path / "p")] == [("reading", 0, 2), ("reading", 2, 2)]
    assert "reading" in capsys.readouterr().err


def test_nothing_is_written_when_no_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FILE_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    with progress() as show:
        show("reading", 1, 2)
    assert list(tmp_path.iterdir()) == []


def test_a_stage_reports_its_first_and_last_and_a_few_between(tmp_path: Path) -> None:
    at = [0.0]
    told = ProgressFile(str(tmp_path / "p"), clock=lambda: at[0])
    for number in range(1001):
        at[0] = number * 0.001
        told("embedding", number, 1000)
    counts = [each["done"] for each in lines(tmp_path / "p")]
    assert counts[0] == 0 and counts[-1] == 1000 and len(counts) <= 7


def test_two_stages_in_turn_are_each_throttled(tmp_path: Path) -> None:
    told = ProgressFile(str(tmp_path / "p"), clock=lambda: 1.0)
    for number in range(100):
        told("one", number, 1000)
        told("other", number, 1000)
    assert len(lines(tmp_path / "p")) == 2


@pytest.mark.parametrize("file", ["missing/p", ".", "nul\0"])
def test_a_file_that_cannot_be_written_stops_nothing(file: str, tmp_path: Path) -> None:
    told = ProgressFile(str(tmp_path / file))
    told("one", 1, 2)
    told("one", 2, 2)


def test_any_name_of_a_stage_can_be_written(tmp_path: Path) -> None:
    ProgressFile(str(tmp_path / "p"))("half \ud800 a\ncharacter", 1, 2)
    assert len(lines(tmp_path / "p")) == 1
