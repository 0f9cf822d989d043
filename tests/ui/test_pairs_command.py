"""`atlas pairs` as a user meets it: pairs that can be trained on at once, a kill that costs little, and files checked by line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from rag.generate import scripted
from rag.index.build import build
from rag.qa import read_pairs
from rag.settings import Settings
from rag.types import Message
from ui import cli

ROOT = Path(__file__).parents[2]
Atlas = Callable[..., int]
TOWNS = 24


@pytest.fixture
def indexed(settings: Settings) -> Settings:
    """One page a town. The scripted generator quotes it when it sees it, so that every page is known by its number."""
    settings.corpus.mkdir(parents=True)
    for number in range(TOWNS):
        text = f"# Town {number}\n\nThe town of Amber{number} was founded in the year {1000 + number} by people from the high hills.\n"
        (settings.corpus / f"town{number}.md").write_text(text, encoding="utf-8")
    build(settings)
    return settings


def founding(messages: Sequence[Message]) -> str:
    asked = messages[-1].content
    name = next((word for word in asked.split() if word.startswith("Amber")), "")
    if "<document" not in asked:
        return "No idea."
    year = 1000 + int(name.removeprefix("Amber"))
    return f"Question: When was the town of {name} founded by the hill people?\nAnswer: {'long ago' if year % 4 == 0 else year}"


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scripted generator asks about the year of every town; of a quarter it invents the answer."""
    monkeypatch.setattr(scripted, "answer", founding)


def options(settings: Settings) -> list[str]:
    sets = ["models.hub=false", "embed.backend=hash", "generate.backend=scripted", "context.examples=[]"]
    return ["--home", str(settings.home), *(word for each in sets for word in ("--set", each))]


@pytest.fixture
def atlas(indexed: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Atlas:
    monkeypatch.chdir(tmp_path)
    return lambda *words: cli.run([*options(indexed), "pairs", *map(str, words)])


@pytest.mark.usefixtures("writes")
def test_pairs_are_made_from_the_index_with_a_report_of_what_was_left_out(atlas: Atlas, capsys: pytest.CaptureFixture[str]) -> None:
    assert atlas("make", "made.jsonl") == 0
    said = capsys.readouterr()
    assert "18 pairs from 24 passages are in made.jsonl (there are no more passages; 200 were asked for)" in said.out
    assert "synthetic: scripted wrote them" in said.out
    assert "left out: 6, the answer is not in the passage" in said.err and "writing questions: 18/18" in said.err
    pairs = read_pairs([Path("made.jsonl")])
    assert len(pairs) == 18 and all(pair.gold and pair.docs and pair.language == "en" for pair in pairs)
    assert atlas("check", "made.jsonl", "--documents", "index") == 0
    said = capsys.readouterr()
    assert "18 pairs, 0 of them unanswerable" in said.out and "kinds: synthetic 18; with a gold span: 18" in said.out
    assert "Every document and span that is named is there." in said.out


@pytest.mark.usefixtures("writes")
def test_a_folder_without_an_index_will_do_and_tested_documents_are_left_out(
    atlas: Atlas, indexed: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    held = [{"question": f"Where is town {n}?", "answers": ["there"], "docs": [f"town{n}.md"]} for n in (1, 2)]
    Path("test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in held), encoding="utf-8")
    assert atlas("make", "made.jsonl", "--documents", indexed.corpus, "--held-back", "test.jsonl", "--count", 5, "--json") == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["pairs"] == 5 and "left out: 2 of 24 documents" in said.err
    docs = {path for pair in read_pairs([Path("made.jsonl")]) for path in pair.docs}
    assert len(docs) == 5 and not docs & {"town1.md", "town2.md"}
    assert atlas("check", "made.jsonl", "--against", "test.jsonl", "--no-embed") == 0
    assert "Nothing is shared with the 2 pairs" in capsys.readouterr().out


@pytest.mark.usefixtures("writes")
def test_the_pairs_that_were_made_can_be_trained_on(atlas: Atlas, indexed: Settings) -> None:
    from adapters.data.build import prepare
    from rag.assistant import open_assistant

    assert atlas("make", "made.jsonl") == 0
    train = indexed.train.model_copy(update={"qa": ("made.jsonl",), "absent": 0.0, "unanswerable": 0.0})
    settings = indexed.model_copy(update={"train": train})
    data = prepare(settings, read_pairs([Path("made.jsonl")]), open_assistant(settings))
    assert data.report.examples.kinds == {"gold": data.report.train_pairs} and not data.report.examples.skipped


def test_check_names_what_is_shared_twice_or_not_there_and_fails(atlas: Atlas, capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[dict[str, Any]] = [
        {"question": "Who built the mill?", "answers": ["Otto"], "docs": ["town1.md"], "lang": "en"},
        {"question": "Who built the mill?", "answers": ["a duke"], "docs": ["town1.md"], "lang": "en"},
        {"question": "When was it?", "answers": ["1001"], "docs": ["town1.md"], "gold": [{"doc": "town1.md", "span": "never there"}]},
    ]
    Path("a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    Path("t.jsonl").write_text(json.dumps(rows[0] | {"docs": ["town2.md"]}) + "\n", encoding="utf-8")
    assert atlas("check", "a.jsonl", "--against", "t.jsonl", "--documents", "index", "--no-embed") == 1
    said = capsys.readouterr().out
    assert "a.jsonl:2 = a.jsonl:1: the same question with other answers" in said
    assert "a.jsonl:3: the span is not in its document: never there" in said
    assert "a.jsonl:1 = t.jsonl:1 (exact, 1.00)" in said and "--set train.leakage=drop" in said
    assert atlas("check", "a.jsonl", "--json") == 0
    assert json.loads(capsys.readouterr().out)["files"]["a.jsonl"]["pairs"] == 3


def test_what_the_user_can_mend_is_one_line(atlas: Atlas, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.jsonl").write_text('{"question": "Who?", "answers": ["x"]}\n{"question": ""}\n', encoding="utf-8")
    assert atlas("check", "bad.jsonl") == 2 and "bad.jsonl:2:" in capsys.readouterr().err
    assert atlas("make", "made.jsonl", "--model", "gpt") == 2 and "--model gpt is not http://host/v1#model" in capsys.readouterr().err
    assert atlas("make", "made.jsonl", "--documents", "nowhere") == 2 and "nowhere" in capsys.readouterr().err
    assert atlas("make", "bad.jsonl") == 2 and "not from here" in capsys.readouterr().err
    assert cli.run([*options(Settings(home=tmp_path / "empty")), "pairs", "make", "x.jsonl"]) == 2
    assert "atlas index build" in capsys.readouterr().err
    assert not Path("made.jsonl").exists()


SLOW = """
import sys
from rag.generate import scripted
from tests.ui.test_pairs_command import founding
from ui.cli import run
scripted.answer = founding
scripted.ScriptedGenerator.open = classmethod(lambda cls, settings, progress=None: cls(delay=0.03))
sys.exit(run(sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("signalled", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_stopped_however_rudely_goes_on(
    atlas: Atlas, indexed: Settings, tmp_path: Path, signalled: signal.Signals, writes: None
) -> None:
    file = tmp_path / "made.jsonl"
    command = [sys.executable, "-c", SLOW, *options(indexed), "pairs", "make", str(file)]
    child = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    until = time.monotonic() + 120
    while not (file.is_file() and file.read_text(encoding="utf-8").count("\n") >= 3) and time.monotonic() < until:
        time.sleep(0.02)
    child.send_signal(signalled)
    said = child.communicate(timeout=60)[1]
    kept = file.read_text(encoding="utf-8").count("\n")
    assert 3 <= kept < 18
    if signalled == signal.SIGINT:
        assert child.returncode == 130 and "the same command goes on" in said and "Traceback" not in said
    assert atlas("make", file) == 0
    assert len(read_pairs([file])) == 18 and (tmp_path / "other.jsonl").exists() is False
    assert atlas("make", "other.jsonl") == 0
    assert file.read_bytes() == (tmp_path / "other.jsonl").read_bytes()
