"""`atlas ask`, `chat` and `search` as a person or a script runs them."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from rag.settings import Settings
from tests.ui.stage import ALPHA
from ui.cli import run
from ui.commands.search import conditions, snippet


@pytest.fixture
def arguments(indexed: Settings, tmp_path: Path) -> list[str]:
    """Options that make a command use the indexed corpus."""
    file = tmp_path / "atlas.toml"
    examples = json.dumps(list(indexed.context.examples))
    file.write_text(
        f'home = "{indexed.home}"\n[models]\nhub = false\n[embed]\nbackend = "hash"\n'
        f'[generate]\nbackend = "scripted"\n[context]\nexamples = {examples}\n',
        encoding="utf-8",
    )
    return ["--config", str(file)]


def test_ask_streams_the_answer_to_stdout_and_names_its_sources_on_stderr(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*arguments, "ask", "What does lora_alpha scale?"]) == 0
    shown = capsys.readouterr()
    assert "[1]" in shown.out and "score" not in shown.out
    assert "[1] LoRA" in shown.err and "en/lora.md" in shown.err


def test_ask_as_json_holds_everything_that_made_the_answer(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*arguments, "ask", "What does lora_alpha scale?", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert row["sources"][0]["path"] == "en/lora.md" and row["provenance"]["model"] == "scripted" and row["evidence"]["score"] == 1.0


def test_ask_without_retrieval_has_no_sources(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*arguments, "ask", "Anything", "--arm", "icl", "--style", "short"]) == 0
    assert capsys.readouterr().err == ""


def test_ask_says_by_its_exit_code_that_there_is_no_answer(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*arguments, "ask", "I don't know.", "--arm", "zero-shot"]) == 3
    assert "does not know" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--arm", "magic"], ["--style", "long"], ["--arm", "lora"]])
def test_ask_refuses_what_there_is_not(arguments: list[str], wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*arguments, "ask", "Anything", *wrong]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_chat_is_a_conversation_with_commands(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [
        "/sources",
        "What does lora_alpha scale?",
        "/sources",
        "/arm icl",
        "/arm magic",
        "/nonsense",
        "And why?",
        "/clear",
        "/quit",
        "never asked",
    ]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines)))
    assert run([*arguments, "chat"]) == 0
    shown = capsys.readouterr()
    assert "The last answer has no sources." in shown.out and "[1] LoRA" in shown.out and "And why?" in shown.out
    assert "no arm 'magic'" in shown.err and "no command /nonsense" in shown.err and "A new conversation." in shown.err
    assert "never asked" not in shown.out


def test_search_shows_the_scores_of_each_half(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*arguments, "search", "what does lora_alpha scale", "-k", "2"]) == 0
    shown = capsys.readouterr()
    assert "en/lora.md > LoRA" in shown.out
    assert "dense" in shown.out and "BM25" in shown.out and "rank 1" in shown.out
    assert ALPHA[:30] in shown.out


def test_search_as_json_and_with_a_filter(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*arguments, "search", "примеры в запросе", "--where", "path=ru/*", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["path"] for row in rows} == {"ru/icl.md"} and rows[0]["rank"] == 1
    assert run([*arguments, "search", "x", "--where", "nonsense"]) == 2
    assert run([*arguments, "search", "x", "--where", "nonsense=1"]) == 2


def test_search_without_an_index_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--home", str(tmp_path), "--set", "embed.backend=hash", "search", "x"]) == 2
    assert "atlas index build" in capsys.readouterr().err


def test_a_snippet_shows_the_words_of_the_question_whatever_their_ending() -> None:
    passage = "Nothing here. " * 60 + "Адаптеры обучаются отдельно, веса не меняются."
    shown = snippet("веса адаптера", passage)
    assert {shown.plain[span.start : span.end] for span in shown.spans} == {"Адаптеры", "веса"}


def test_a_key_given_twice_takes_either_value() -> None:
    assert conditions(["language=ru", "language=en", "path=a=b"]) == {"language": ["ru", "en"], "path": ["a=b"]}
