"""`atlas ui` alone: the first question does not wait for weights, and the page says what it waits for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.assistant import Assistant
from rag.errors import InputError
from rag.generate.scripted import ScriptedGenerator
from rag.index.build import build
from rag.retrieve.retriever import Retriever
from rag.settings import Settings
from tests.ui.stage import corpus_settings
from ui.chat.status import Doing
from ui.warming import Warming


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return corpus_settings(tmp_path)


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def assistant(settings: Settings) -> Assistant:
    return Assistant(settings, ScriptedGenerator())


@pytest.fixture
def warming(settings: Settings, assistant: Assistant, lines: list[str]) -> Iterator[Warming]:
    made = Warming(settings, assistant, tell=lines.append)
    yield made
    made.stop()


def test_search_and_examples_are_loaded_before_the_first_question(
    settings: Settings, assistant: Assistant, warming: Warming, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    build(settings)
    searched, go_on = threading.Event(), threading.Event()
    search = Retriever.search

    def slow(self: Retriever, query: str) -> object:
        searched.set()
        assert go_on.wait(30)
        return search(self, query)

    monkeypatch.setattr(Retriever, "search", slow)
    assert asyncio.run(warming.ready()) == Doing("warming")
    warming.start()
    assert searched.wait(30)
    assert asyncio.run(warming.ready()) == Doing("warming")
    go_on.set()
    assert warming.wait(30)
    assert asyncio.run(warming.ready()) is None
    assert assistant._retriever is not None and assistant._examples is not None
    assert len(lines) == 1 and lines[0].startswith("Search and examples are loaded")


def test_an_index_that_comes_later_is_warmed_then(settings: Settings, warming: Warming, lines: list[str]) -> None:
    warming.start()
    assert asyncio.run(warming.ready()) == Doing("no index")
    assert not warming.wait(0.1)
    build(settings)
    assert warming.wait(30)
    assert asyncio.run(warming.ready()) is None
    assert len(lines) == 1


def test_what_cannot_be_loaded_is_told_once_and_the_page_goes_on(
    settings: Settings, assistant: Assistant, warming: Warming, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    build(settings)

    def broken(self: Retriever, query: str) -> object:
        raise InputError("The index is broken.", "Build it again.")

    monkeypatch.setattr(Retriever, "search", broken)
    warming.start()
    assert warming.wait(30)
    assert lines == ["The index is broken. Build it again."]
    assert asyncio.run(warming.ready()) is None


def test_a_page_that_stops_waits_for_no_index(warming: Warming, lines: list[str]) -> None:
    warming.start()
    warming.stop()
    warming._thread.join(30)
    assert not warming._thread.is_alive()
    assert lines == []
