"""Bringing everything up."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from rag.assistant import Assistant
from rag.embed.hashing import HashEmbedder
from rag.errors import UserError
from rag.generate.scripted import ScriptedGenerator
from rag.index.build import build
from rag.settings import Settings
from tests.ui.stage import corpus_settings
from ui.chat.status import Doing
from ui.launch import Launch


def launched(settings: Settings) -> tuple[Launch, list[str]]:
    lines: list[str] = []
    launch = Launch(settings, Assistant(settings, ScriptedGenerator()), tell=lines.append)
    assert asyncio.run(launch.ready()) == Doing("starting")
    launch.start()
    assert launch.wait(60)
    return launch, lines


def test_an_index_is_built_when_there_is_none_and_then_questions_can_be_answered(tmp_path: Path) -> None:
    launch, lines = launched(corpus_settings(tmp_path))
    assert launch.failed is None, launch.failed
    assert asyncio.run(launch.ready()) is None
    assert {"models", "index", "warming"} <= launch.seconds.keys()
    assert any(line.startswith("index: 4 documents") for line in lines)


def test_an_index_that_is_there_answers_while_the_corpus_is_looked_through(tmp_path: Path) -> None:
    settings = corpus_settings(tmp_path)
    build(settings)
    launch, lines = launched(settings)
    assert launch.failed is None
    assert any("unchanged" in line for line in lines)
    assert [line.split(":")[0] for line in lines].index("warming") < [line.split(":")[0] for line in lines].index("index")


def test_an_index_that_another_embedder_made_is_built_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = corpus_settings(tmp_path)
    identity = HashEmbedder.identity
    monkeypatch.setattr(HashEmbedder, "identity", lambda embedder: {**identity(embedder), "revision": "another"})
    build(settings)
    monkeypatch.undo()
    launch, lines = launched(settings)
    assert launch.failed is None, launch.failed
    assert asyncio.run(launch.ready()) is None
    assert any(line.startswith("index: 4 documents") and " 0 reused" in line for line in lines)
    assert {"index", "warming"} <= launch.seconds.keys()


def test_what_cannot_come_up_is_said_once_and_to_every_question(tmp_path: Path) -> None:
    settings = corpus_settings(tmp_path).model_copy(update={"corpus": tmp_path / "missing"})
    launch, lines = launched(settings)
    assert isinstance(launch.failed, UserError) and "missing" in str(launch.failed)
    assert sum("missing" in line for line in lines) == 1
    try:
        asyncio.run(launch.ready())
    except UserError as exc:
        assert exc is launch.failed
    else:
        raise AssertionError("ready() should have raised")


def test_a_file_that_was_skipped_is_named(tmp_path: Path) -> None:
    settings = corpus_settings(tmp_path)
    (tmp_path / "corpus" / "empty.md").write_text("", encoding="utf-8")
    _, lines = launched(settings)
    assert any("skipped: empty.md" in line for line in lines)
