"""`atlas eval` as a user meets it: the verdict first, clear errors, runs that can be listed, shown, resumed and compared."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from adapters import canary
from eval import journal, runs
from eval.types import Reply
from rag.errors import UserError
from rag.index.build import build
from rag.settings import Settings
from tests.eval.conftest import ADAPTER, PAGES, ROWS, load_adapter, write_rows
from tests.eval.judge_server import judging
from ui import cli
from ui.session import loaded
from ui.voted import votes_of
from ui.votes.record import Judged, Record
from ui.votes.store import Votes

ROOT = Path(__file__).parents[2]
Atlas = Callable[..., int]


@pytest.fixture
def indexed(settings: Settings) -> Settings:
    for name, text in PAGES.items():
        file = settings.corpus / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    build(settings)
    return settings


@pytest.fixture
def qa(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "qa.jsonl")


def options(settings: Settings) -> list[str]:
    home = ["--home", str(settings.home), "--set", "models.hub=false"]
    return [*home, "--set", "embed.backend=hash", "--set", "generate.backend=scripted", "--set", "context.examples=[]"]


@pytest.fixture
def atlas(indexed: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Atlas:
    monkeypatch.chdir(tmp_path)
    return lambda *words: cli.run([*options(indexed), "eval", *map(str, words)])


@pytest.mark.slow
def test_the_verdict_comes_first_then_a_table_then_the_report(
    atlas: Atlas, qa: Path, indexed: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert atlas("--qa", qa, "--arms", "icl,rag,oracle,shuffled") == 0
    said = capsys.readouterr().out.strip().splitlines()
    assert "difference" in said[0] or "RAG" in said[0]
    table = next(number for number, line in enumerate(said) if line.startswith("arm "))
    assert [line.split()[0] for line in said[table + 1 : table + 5]] == ["icl", "rag", "oracle", "shuffled"]
    assert any(line.strip().startswith("rag - icl") for line in said) and any("answers/s with 16 in flight" in line for line in said)
    report = Path(said[-1].removeprefix("Report: "))
    (folder,) = runs.everything(indexed)
    assert report.is_file() and report.is_relative_to(folder)


@pytest.mark.slow
def test_with_a_loaded_adapter_all_four_corners_are_asked_after_it_proved_itself(
    atlas: Atlas, qa: Path, indexed: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    load_adapter(indexed)
    assert atlas("--qa", qa, "--limit", 4, "--out", "report") == 0
    assert "interaction" in capsys.readouterr().out and Path("report/report.html").is_file()
    held = runs.read_manifest(runs.find(indexed, "last"))
    assert held["arms"] == ["icl", "rag", "lora", "rag+lora", "oracle", "shuffled"] and held["identity_checked"] == {ADAPTER: True}


def test_an_adapter_that_is_secretly_not_loaded_is_refused(
    atlas: Atlas, qa: Path, indexed: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def not_itself(name: str, settings: Settings, **named: object) -> None:
        raise UserError(f"The adapter '{name}' is not proven to be itself.", "Load it again.")

    load_adapter(indexed)
    monkeypatch.setattr(canary, "check", not_itself)
    assert atlas("--qa", qa, "--arms", "rag,rag+lora") == 2
    assert "not proven" in capsys.readouterr().err
    assert not [entry for folder in runs.everything(indexed) for entry in journal.read(folder / runs.REPLIES)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "There are no questions to ask. Give a file"),
        (("--qa", "nosuch.jsonl"), "There is no file nosuch.jsonl."),
        (("--qa", "QA", "--arms", "magic"), "There is no arm 'magic'."),
        (("--qa", "QA", "--arms", "rag+lora"), "The arm 'rag+lora' needs an adapter, and none is loaded"),
        (("--qa", "QA", "--adapter", "mine"), "The adapter 'mine' is not loaded."),
        (("--qa", "QA", "--style", "long"), "--style long is neither"),
        (("--qa", "QA", "--lang", "de"), "--lang de is neither en nor ru"),
        (("--qa", "QA", "--outside", "mine"), "--outside mine is not NAME=TARGET"),
        (("--qa", "QA", "--compare", "last"), "There is no finished run to compare with"),
        (("--qa", "QA", "--votes", "QA"), "--votes needs --judge"),
        (("--qa", "QA", "--votes", "nosuch.jsonl", "--judge", "http://127.0.0.1:9/v1#m"), "The votes in nosuch.jsonl cannot be read"),
        (("--qa", "QA", "--judge", "http://127.0.0.1:9/v1#m"), "The judge cannot be asked: no model server at http://127.0.0.1:9/v1"),
        (("--qa", "QA", "--nli", "nosuch-model"), "nosuch-model"),
        (("--resume", "last"), "There are no runs in"),
        (("show",), "There are no runs in"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(
    atlas: Atlas, qa: Path, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert atlas(*[str(qa) if word == "QA" else word for word in words]) == 2
    err = capsys.readouterr().err
    assert said in err and len(err.strip().splitlines()) <= 2 and "Traceback" not in err


def test_without_an_index_or_a_server_it_says_what_to_start(
    settings: Settings, indexed: Settings, qa: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = settings.model_copy(update={"home": tmp_path / "empty"})
    assert cli.run([*options(empty), "eval", "--qa", str(qa)]) == 2
    assert "atlas index build" in capsys.readouterr().err
    assert cli.run([*options(indexed), "--set", "generate.backend=vllm", "eval", "--qa", str(qa), "--arms", "rag"]) == 2
    assert "atlas serve" in capsys.readouterr().err


@pytest.mark.slow
def test_runs_are_listed_shown_again_and_compared(atlas: Atlas, qa: Path, indexed: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert atlas("list") == 0 and "no runs yet" in capsys.readouterr().out
    assert atlas("--qa", qa, "--arms", "icl,rag", "--name", "first") == 0
    first = capsys.readouterr().out
    assert atlas("show", "first") == 0
    assert capsys.readouterr().out == first
    assert atlas("--qa", qa, "--arms", "rag,rag", "--compare", "first") == 0
    said = capsys.readouterr().out
    assert "Against" in said and "rag - rag (earlier)" in said and "0 better, 6 equal, 0 worse of 6" in said
    assert atlas("list", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["name"], row["state"], row["answers"]) for row in rows] == [("first", "finished", 14), ("", "finished", 14)]
    page = (runs.find(indexed, "last") / "report" / "report.html").read_text(encoding="utf-8")
    assert "compared" in page


@pytest.mark.slow
def test_the_verdict_speaks_russian(atlas: Atlas, qa: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert atlas("--qa", qa, "--arms", "icl,rag", "--lang", "ru") == 0
    assert any("а" <= letter <= "я" for letter in capsys.readouterr().out.strip().splitlines()[0].lower())


@pytest.mark.slow
def test_a_run_killed_under_way_is_gone_on_with_by_name_alone(indexed: Settings, qa: Path, tmp_path: Path) -> None:
    """`python -m eval`, a server that answers slowly, kill -9, and `--resume last` from another folder."""
    from tests.rag.generate.fake_server import Behaviour, serving

    with serving(Behaviour(delay=0.02)) as server:
        remote = ["--set", "generate.backend=openai", "--set", f"generate.base_url={server.url}", "--set", "generate.model=fake"]
        environment = {**os.environ, **_environment(options(indexed)[2:] + remote, indexed), "PYTHONPATH": str(ROOT)}
        started = subprocess.Popen(
            [sys.executable, "-m", "eval", "--qa", qa.name, "--arms", "icl,rag", "--in-flight", "1"], cwd=tmp_path, env=environment
        )
        answers = _wait_for_answers(indexed, 3)
        os.kill(started.pid, signal.SIGKILL)
        started.wait(timeout=60)
        assert cli.run([*options(indexed), *remote, "eval", "--resume", "last", "--in-flight", "4"]) == 0
        asked = len(server.behaviour.requests)
    (folder,) = runs.everything(indexed)
    replies = [entry for entry in journal.read(folder / runs.REPLIES) if isinstance(entry, Reply)]
    assert len(replies) == len({(reply.case, reply.arm) for reply in replies}) == 2 * len(ROWS)
    assert answers <= asked <= 2 * len(ROWS) + 1


def _environment(words: list[str], settings: Settings) -> dict[str, str]:
    """--set section.key=value as ATLAS_SECTION__KEY."""
    pairs = [word.split("=", 1) for word in words if "=" in word]
    return {"ATLAS_HOME": str(settings.home), **{f"ATLAS_{key.upper().replace('.', '__')}": value for key, value in pairs}}


def _wait_for_answers(settings: Settings, count: int) -> int:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        found = sum(len(journal.read(folder / runs.REPLIES)) for folder in runs.everything(settings))
        if found >= count:
            return found
        time.sleep(0.02)
    raise AssertionError("nothing was answered")


def test_a_resumed_run_is_what_it_was(atlas: Atlas, qa: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert atlas("--qa", qa, "--arms", "icl") == 0
    assert atlas("--resume", "last", "--qa", qa, "--limit", 3) == 2
    assert "--limit, --qa cannot be given with --resume" in capsys.readouterr().err
    loaded.cache_clear()
    assert atlas("--resume", "last") == 0


def kept_votes(settings: Settings) -> None:
    """Two turns of the chat: one with a choice among three answers, one where both were bad; and one with a thumb only."""
    answers = tuple(
        Judged(arm, "", "done", said, None) for arm, said in (("icl", "four"), ("rag", "sixteen"), ("rag+lora", "sixteen bytes"))
    )
    stopped = Judged("icl", "", "stopped", "si", None)
    question, store = "How many bytes for each parameter?", Votes(settings.home)
    store.keep(Record("1", 1.0, question, "en", True, 0, "short", answers, "B"))
    store.keep(Record("2", 2.0, "Who bakes bread?", "en", True, 0, "short", (*answers[:2], stopped), "bad"))
    store.keep(Record("3", 3.0, question, "en", False, 0, "short", (replace(answers[0], thumb=1), answers[1])))


def test_votes_of_the_chat_are_pairs_of_finished_answers_with_the_chosen_one(settings: Settings) -> None:
    kept_votes(settings)
    found = [(vote.arm_a, vote.arm_b, vote.vote) for vote in votes_of(settings.home)]
    assert found == [("icl", "rag", "b"), ("rag", "rag+lora", "a"), ("icl", "rag", "bad")]


@pytest.mark.slow
def test_a_finished_run_is_judged_and_priced_afterwards(
    atlas: Atlas, qa: Path, indexed: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    kept_votes(indexed)
    assert atlas("--qa", qa, "--arms", "icl,rag") == 0
    assert "a right answer costs, in seconds of this machine" in capsys.readouterr().out
    with judging() as (target, _):
        loaded.cache_clear()
        assert atlas("--resume", "last", "--judge", target, "--price-hour", 3, "--currency", "EUR") == 0
    said = capsys.readouterr().out
    assert "judge: rag - icl" in said and "kappa 0.50" in said and "n = 3; so few votes say little" in said
    assert "a right answer costs, in EUR" in said
    folder = runs.find(indexed, "last")
    assert runs.read_manifest(folder)["prices"]["hour"] == 3 and len(runs.everything(indexed)) == 1
    page = (folder / "report" / "report.html").read_text(encoding="utf-8")
    assert "Agreement with people" in page and " EUR" in page
