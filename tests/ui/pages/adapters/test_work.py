"""The training form, the jobs that it starts, unfinished trainings, and the curve that a training leaves behind."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from adapters.card import Point
from adapters.train import curve
from adapters.train.request import Request, open_folder
from adapters.train.unfinished import command as go_on
from adapters.train.unfinished import unfinished
from rag.errors import InputError, SettingsError, UserError
from rag.settings import Settings
from tests.ui.pages.adapters.made import harmless, store_card
from ui.jobs.jobs import Job, Kind
from ui.pages.adapters import form, work
from ui.pages.adapters.form import Form
from ui.pages.adapters.text import WORDS
from ui.pages.evaluate import pairs

EN = WORDS["en"]
REQUEST = Request("mine", "base", "1", "lora", {"r": 8, "targets": ["q_proj"]}, {"epochs": 2.0, "recipe": "context"}, "d", "t", "bfloat16")


def job(kind: Kind = "train", arguments: Sequence[str] = (), **changed: Any) -> Job:
    made = Job(
        "id", kind, "title", tuple(arguments), "running", time.time(), None, "", 0, 0, None, (), "", None, Path("/nowhere")
    )  # fmt: skip
    return replace(made, **changed)


@dataclass
class Listed:
    """Jobs that are only remembered."""

    known: list[Job] = field(default_factory=list)

    def start(self, kind: Kind, title: str, arguments: Sequence[str]) -> Job:
        self.known.insert(0, job(kind, arguments, title=title))
        return self.known[0]

    def all(self, kind: Kind | None = None) -> list[Job]:
        return [each for each in self.known if kind in (None, each.kind)]


@pytest.fixture
def qa(settings: Settings, tmp_path: Path) -> Path:
    file = tmp_path / "pairs.jsonl"
    file.write_text('{"question": "Why?", "answers": ["so"], "docs": ["a.md"]}\n', encoding="utf-8")
    return file


def filled(qa: Path, /, **changed: Any) -> Form:
    return replace(Form("Mine", [str(qa)], ["context", "text"], "lora", 100, 1.5, 2, 30, "r=8 alpha=16", True), **changed)


def test_a_form_becomes_the_command_a_person_would_type(settings: Settings, qa: Path) -> None:
    said = form.command(filled(qa), settings, EN, allowed=[str(qa)])
    sets = [
        "--set",
        "train.examples=100",
        "--set",
        "train.epochs=1.5",
        "--set",
        "train.passages=2",
        "--set",
        "train.minutes=30",
        "--set",
        "train.recipe=context+text",
    ]
    rest = ["train", "--name", "mine", "--method", "lora", "--qa", str(qa), "--option", "r=8", "--option", "alpha=16", "--load"]
    assert list(said) == [*sets, *rest]
    estimated = form.command(filled(qa, load=False), settings, EN, allowed=[str(qa)], estimate=True)
    assert estimated[-2:] == ("--estimate", "--json")
    assert form.name_of(job(arguments=said)) == "mine" and form.is_estimate(job(arguments=estimated))


def test_everything_that_is_wrong_with_a_form_is_said_at_once(settings: Settings, qa: Path) -> None:
    wrong = filled(qa, name="../etc", qa=["/etc/passwd"], recipes=[], examples=0, epochs=None, options="r=many magic nothing=1")
    with pytest.raises(SettingsError) as raised:
        form.command(wrong, settings, EN, allowed=[str(qa)])
    said = "\n".join(raised.value.problems)
    for words in (
        "'../etc'",
        EN.choose_pairs,
        EN.choose_recipe,
        EN.max_examples,
        EN.epochs,
        "'magic'",
        "no option 'nothing'",
        "r = 'many'",
    ):
        assert words in said, words


def test_a_name_is_suggested_that_is_free(settings: Settings) -> None:
    first = form.suggested(settings)
    assert first == "corpus-lora"
    store_card(first, settings)
    assert form.suggested(settings) == "corpus-lora-2" and form.suggested(settings, "dora") == "corpus-dora"


def test_an_estimate_is_read_from_what_the_command_printed() -> None:
    numbers = {
        "examples": 400,
        "tokens": 90000,
        "steps": 60,
        "parameters": 4399104,
        "tokens_per_second": 99.5,
        "seconds": 1140.0,
        "gigabytes": 3.2,
    }
    ended = job(arguments=["train", "--estimate"], state="done", lines=("mine: LoRA on base", json.dumps(numbers)))
    assert form.estimate_of(ended.lines) == numbers
    text = harmless(work.estimate(ended, EN)).text
    assert "About 19 minutes, 3.2 GB of memory" in text and "4\u202f399\u202f104" in text
    assert "train.minutes" not in text
    cut = numbers | {"whole_steps": numbers["steps"] + 383, "whole_seconds": 5700.0}
    assert "ask for 443 steps. About 95 minutes" in harmless(work.estimate(replace(ended, lines=(json.dumps(cut),)), EN)).text
    assert form.estimate_of(("{broken", "no numbers")) is None and work.estimate(replace(ended, lines=()), EN) == ""


def test_a_stopped_training_is_offered_and_goes_on_with_its_own_command(settings: Settings) -> None:
    open_folder(settings.home, REQUEST, fresh=False)
    jobs: Any = Listed()
    (rest,) = work.resumable(jobs, settings)
    assert (rest.name, rest.method, rest.step) == ("mine", "lora", 0)
    started = ("--set", "train.epochs=2.0", "train", "--name", "mine", "--fresh", "--qa", "mine.jsonl")
    jobs.known = [job(arguments=started, state="stopped", ended=time.time())]
    again = work.resume("mine", jobs, settings, EN)
    assert again.arguments == tuple(word for word in started if word != "--fresh")
    assert work.resumable(jobs, settings) == []
    with pytest.raises(UserError, match="no unfinished training"):
        work.resume("mine", jobs, settings, EN)


def test_one_that_was_started_elsewhere_goes_on_with_its_request(settings: Settings) -> None:
    folder = open_folder(settings.home, REQUEST, fresh=False)
    (folder / "checkpoints" / "checkpoint-12").mkdir(parents=True)
    (settings.home / "trainings" / "torn").mkdir()
    (settings.home / "trainings" / "torn" / "request.json").write_text("{", encoding="utf-8")
    (found,) = unfinished(settings.home)
    assert found.step == 12
    words = ["--set", "train.epochs=2.0", "--set", "train.recipe=context", "train", "--name", "mine", "--method", "lora"]
    assert list(go_on(found)) == [*words, "--option", "r=8", "--option", 'targets=["q_proj"]']


def test_actions_are_the_commands_of_the_terminal(settings: Settings) -> None:
    jobs: Any = Listed()
    assert work.start("load", "mine", jobs, settings, EN).arguments == ("adapters", "load", "mine")
    assert work.start("delete", "mine", jobs, settings, EN).arguments == ("adapters", "delete", "mine", "--yes")
    assert work.start("merge", "mine", jobs, settings, EN).kind == "merge"
    place = Path(work.start("export", "mine", jobs, settings, EN).arguments[3])
    assert place.parent == (settings.home / "exports").resolve() and not place.exists()
    place.mkdir(parents=True)
    assert work.place_for("mine", settings) == place.with_name("mine-2")


def test_a_loaded_adapter_says_where_it_answers_and_a_failure_what_was_wrong() -> None:
    jobs: Any = Listed([job("load", ["adapters", "load", "mine"], state="done", ended=time.time())])
    assert EN.answers_now in work.moves(jobs, EN)
    jobs.known = [job("load", ["adapters", "load", "mine"], state="failed", ended=time.time(), problem="The adapter <b>does not fit</b>.")]
    shown = work.moves(jobs, EN)
    assert "&lt;b&gt;does not fit" in shown and EN.answers_now not in shown
    jobs.known = [job("load", state="done", ended=time.time() - 2 * work.RECENT)]
    assert work.moves(jobs, EN) == ""


def test_a_curve_is_read_as_it_was_written_and_the_last_word_on_a_step_counts(tmp_path: Path) -> None:
    curve.append(tmp_path, 2, {"loss": 1.5, "learning_rate": 1e-4}, steps=10)
    curve.append(tmp_path, 4, {"loss": 1.25}, steps=10)
    curve.append(tmp_path, 4, {"eval_loss": 1.0, "eval_score": 0.5}, steps=10)
    curve.append(tmp_path, 5, {"epoch": 1.0})
    curve.append(tmp_path, 4, {"loss": 1.125}, steps=10)
    curve.append(tmp_path, 6, {"loss": float("nan")})
    with (tmp_path / curve.FILE).open("a", encoding="utf-8") as file:
        file.write('{"step": 8, "lo')
    assert curve.read(tmp_path) == (Point(step=2, loss=1.5), Point(step=4, loss=1.125, validation=1.0, f1=0.5))
    assert curve.read(tmp_path / "nowhere") == ()


def test_a_running_training_shows_its_curve_and_a_finished_one_that_of_its_card(settings: Settings) -> None:
    folder = open_folder(settings.home, REQUEST, fresh=False)
    curve.append(folder, 3, {"loss": 0.875})
    running = job(arguments=["train", "--name", "mine"], stage="training", done=3, total=40)
    assert "loss 0.875 at step 3" in work.live_curve(running, settings, EN) and ">40</text>" in work.live_curve(running, settings, EN)
    store_card("other", settings)
    ended = job(arguments=["train", "--name", "other"], state="done")
    assert "loss 0.500 at step 6" in work.live_curve(ended, settings, EN)
    assert work.live_curve(job(arguments=["train", "--name", "../x"]), settings, EN) == ""


def test_an_uploaded_file_is_checked_row_by_row_and_kept(settings: Settings, qa: Path, tmp_path: Path) -> None:
    kept = pairs.keep(qa, settings, kinds=pairs.JSONL)
    assert kept.pairs == 1 and kept.path.parent == pairs.folder_of(settings) and kept.path.read_bytes() == qa.read_bytes()
    assert (kept.path.name, str(kept.path.resolve())) in pairs.offered(settings)
    bad = tmp_path / "<img src=x>.jsonl"
    bad.write_text('{"question": ""}\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"img-src-x\.jsonl:1: .question. must be a text"):
        pairs.keep(bad, settings, kinds=pairs.JSONL)
    with pytest.raises(InputError, match="not a file of pairs"):
        pairs.keep(tmp_path / "x.exe" if (tmp_path / "x.exe").write_bytes(b"x") else bad, settings)
    assert [file.name for file in pairs.folder_of(settings).iterdir()] == [kept.path.name]


def test_a_file_that_is_too_large_is_refused(settings: Settings, qa: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "MOST_BYTES", 10)
    with pytest.raises(InputError, match="at most"):
        pairs.keep(qa, settings)
    monkeypatch.undo()
    monkeypatch.setattr(pairs, "MOST_PAIRS", 0)
    with pytest.raises(InputError, match="1 pairs"):
        pairs.keep(qa, settings)
    assert not list(pairs.folder_of(settings).iterdir())
