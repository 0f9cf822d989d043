"""The indexed corpus of the page's tests, an assistant over it, and a page of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from rag.assistant import Assistant
from rag.index.build import build
from rag.settings import Settings
from tests.ui.stage import Stage, Teller, corpus_settings
from ui.chat.open import open_page
from ui.chat.status import Doing

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext


@pytest.fixture(scope="session")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = corpus_settings(tmp_path_factory.mktemp("chat"))
    build(settings)
    return settings


@pytest.fixture
def teller() -> Teller:
    return Teller()


@pytest.fixture
def assistant(indexed: Settings, teller: Teller) -> Assistant:
    return Assistant(indexed, teller)


@pytest.fixture
def stage(indexed: Settings) -> Iterator[Stage]:
    """A page of its own on a free port."""
    generator = Teller(delay=0.01)
    waits: list[Doing | None] = [None]

    async def ready() -> Doing | None:
        return waits[0]

    page = open_page(indexed, Assistant(indexed, generator), ready)
    yield Stage(page, generator, waits)
    page.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import expect, sync_playwright

    from tests.ui.watched import ARGUMENTS, CHROMIUM

    with sync_playwright() as playwright:
        expect.set_options(timeout=15_000)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS.split())
        yield browser
        browser.close()


@pytest.fixture
def open_tab(browser: Browser, stage: Stage) -> Iterator[Any]:
    from tests.ui.watched import Watched

    contexts: list[BrowserContext] = []

    def opened(**options: Any) -> Watched:
        context = browser.new_context(**{"locale": "en-US", "viewport": {"width": 1280, "height": 860}, **options})
        contexts.append(context)
        return Watched(context, stage.page.url)

    yield opened
    for context in contexts:
        context.close()
