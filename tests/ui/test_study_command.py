"""`atlas study` as a user meets it: a table, the best against the present, lines to paste; the same words go on with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adapters.study.outcome import Outcome, Trial
from adapters.tiny import save_tiny
from ui import cli
from ui.commands import study
from ui.session import loaded

Atlas = Callable[..., int]


def trial(number: int, scores: dict[str, float], **more: Any) -> Trial:
    mean = sum(scores.values()) / len(scores) if scores else None
    return Trial(number, more.pop("state", "finished"), {"epochs": 1.0 + number, "options.r": 8}, mean, scores, 60.0, **more)


def outcome(*trials: Trial) -> Outcome:
    pairs = {f"q{n}": f"d{n // 2}.md" for n in range(24)}
    return Outcome("mine", trials, {"epochs": 0.8, "options.r": 0.2}, {pair: pair != "q0" for pair in pairs}, pairs)


PRESENT = {f"q{n}": 0.2 + 0.01 * (n % 3) for n in range(24)}
BETTER = {pair: score + 0.4 for pair, score in PRESENT.items()}


def test_the_best_is_first_and_is_compared_with_the_present_settings(capsys: pytest.CaptureFixture[str]) -> None:
    given_up = trial(2, {"q0": 0.0, "q1": 0.1}, state="pruned")
    failed = trial(3, {}, state="failed", problem="The loss is nan.")
    study._report(outcome(trial(0, PRESENT), trial(1, BETTER), given_up, failed), as_json=False)
    said = capsys.readouterr().out
    assert [line.split()[0] for line in said.splitlines()[1:5]] == ["1", "0", "2", "3"]
    assert "of 23 that can be answered" in said and "of 1 that cannot" in said and "trial 3 failed: The loss is nan." in said
    assert "Best: trial 1 with 61.0, the present settings have 21.0: +40.0 points (95 % interval +40.0 to +40.0)." in said
    assert "[train]\nepochs = 2.0\noptions = { r = 8 }" in said and "epochs 80%" in said and study.CAUTION in said


def test_a_best_that_may_be_chance_is_called_so(capsys: pytest.CaptureFixture[str]) -> None:
    chance = {pair: score + (0.5 if number % 5 == 0 else -0.1) for number, (pair, score) in enumerate(PRESENT.items())}
    study._report(outcome(trial(0, PRESENT), trial(1, chance)), as_json=False)
    assert "it may be no better" in capsys.readouterr().out
    study._report(outcome(trial(0, BETTER), trial(1, PRESENT)), as_json=False)
    assert "No trial was better than the present settings (61.0)." in capsys.readouterr().out
    study._report(outcome(trial(0, {}, state="unfinished")), as_json=False)
    assert "No trial has finished yet." in capsys.readouterr().out


@pytest.fixture
def atlas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Atlas:
    monkeypatch.chdir(tmp_path)
    base = save_tiny(tmp_path / "tiny")
    sets = [f"generate.model={base}", "models.hub=false", "embed.backend=hash", "generate.backend=scripted", "threads=1"]
    sets += ["train.recipe=closed-book", "train.style=short", "train.epochs=1", "train.batch_tokens=400", "train.validation=0.3"]
    rows = [
        {"id": f"q{n}", "question": f"{name}?", "answers": [name[0]], "docs": [f"{name}.md"]}
        for n, name in enumerate(("Amber", "Basalt", "Cedar", "Dahlia", "Ember", "Fjord"))
    ]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (tmp_path / "space.toml").write_text("[options]\nr = { choices = [2, 4] }\n", encoding="utf-8")

    def run(*words: object) -> int:
        loaded.cache_clear()
        return cli.run(["--home", str(tmp_path / "home"), *(w for each in sets for w in ("--set", each)), "study", *map(str, words)])

    return run


@pytest.mark.slow
def test_a_study_runs_is_shown_and_goes_on(atlas: Atlas, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--qa", "train.jsonl", "--space", "space.toml", "--name", "mine")
    assert atlas(*words, "--trials", 1) == 0
    said = capsys.readouterr()
    assert "trial 0: options.r 16" in said.err and "No trial was better" in said.out
    assert atlas(*words, "--trials", 2, "--json") == 0
    assert [each["state"] for each in json.loads(capsys.readouterr().out)["trials"]] == ["finished"] * 2
    assert atlas("show") == 0 and capsys.readouterr().out == "mine\n"
    assert atlas("show", "mine") == 0
    shown = capsys.readouterr().out
    assert "trial" in shown.split() and ("No trial was better" in shown or "Best: trial 1" in shown)


def test_what_the_user_can_mend_is_one_line(atlas: Atlas, capsys: pytest.CaptureFixture[str]) -> None:
    assert atlas("show") == 2 and "atlas study --qa FILE" in capsys.readouterr().err
    assert atlas("show", "none") == 2 and "There is no study 'none'" in capsys.readouterr().err
    assert atlas("--qa", "train.jsonl", "--space", "gone.toml") == 2 and "gone.toml" in capsys.readouterr().err
    assert (
        atlas("--qa", "train.jsonl", "--space", "space.toml", "--name", "../x") == 2
        and "cannot be a study's name" in capsys.readouterr().err
    )
