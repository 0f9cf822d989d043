"""Adapters in a real Chromium: cards, a comparison, loading through the real command, a training with its live curve."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from adapters.tiny import save_tiny
from rag.assistant import open_assistant
from rag.index.build import build
from rag.settings import Settings
from tests.ui.pages.adapters.made import store_card
from tests.ui.stage import corpus_settings
from ui.chat.open import open_page
from ui.pages.adapters.text import EN, RU

pytestmark = pytest.mark.browser

QUESTIONS = 24
DOCUMENTS = ("en/lora.md", "en/rag.md", "ru/icl.md")


async def ready() -> None:
    return None


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    base = save_tiny(tmp_path / "tiny")
    pairs = tmp_path / "learn.jsonl"
    row = '{{"question": "What does LoRA number {0} scale?", "answers": ["the update {0}"], "docs": ["{1}"], "lang": "en"}}\n'
    pairs.write_text("".join(row.format(number, DOCUMENTS[number % 3]) for number in range(QUESTIONS)), encoding="utf-8")
    sections = {
        "generate": {"backend": "scripted", "model": str(base)},
        "train": {"qa": [str(pairs)], "recipe": "closed-book", "epochs": 6, "batch_tokens": 700, "validation": 0.2, "leakage": "allow"},
        "threads": 1,
    }
    made = corpus_settings(tmp_path, sections)
    build(made)
    store_card("mine", made)
    store_card("other", made, options={"r": 16, "alpha": 16})
    return made


@pytest.fixture
def page(browser: Browser, settings: Settings) -> Iterator[Page]:
    served = open_page(settings, open_assistant(settings), ready)
    context = browser.new_context(locale="en-US", viewport={"width": 1280, "height": 900})
    try:
        expect.set_options(timeout=60_000)
        opened = context.new_page()
        opened.set_default_timeout(60_000)
        opened.goto(served.url)
        opened.get_by_role("tab", name=EN.title).click()
        expect(opened.locator("#adapters-list label")).not_to_have_count(0)
        yield opened
    finally:
        context.close()
        served.stop()


def test_an_adapter_is_read_compared_loaded_and_unloaded_and_deleting_is_asked_twice(page: Page, settings: Settings) -> None:
    page.locator("#adapters-list label", has_text="mine").click()
    expect(page.locator("#adapters-card")).to_contain_text("atlas train --name x")
    page.locator("#adapters-other input").click()
    page.get_by_role("option", name="other", exact=True).click()
    expect(page.locator("#adapters-compared")).to_contain_text("options.dropout")
    expect(page.locator("#adapters-compared")).to_contain_text(EN.differs)
    page.locator("#adapters-load").click()
    expect(page.locator("#adapters-moved article.done")).to_be_visible(timeout=300_000)
    expect(page.locator("#adapters-moved")).to_contain_text(EN.answers_now)
    expect(page.locator("#adapters-list label", has_text="mine")).to_contain_text("loaded (vllm)")
    expect(page.locator("#adapters-delete")).to_be_hidden()
    page.locator("#adapters-unload").click()
    expect(page.locator("#adapters-list label", has_text="mine")).to_contain_text(EN.states["idle"], timeout=300_000)
    page.locator("#adapters-delete").click()
    expect(page.locator("#adapters-sure")).to_contain_text("Delete mine?")
    page.locator("#adapters-no").click()
    expect(page.locator("#adapters-sure")).to_be_hidden()
    page.locator("#adapters-delete").click()
    page.locator("#adapters-yes").click()
    expect(page.locator("#adapters-list label", has_text="mine")).to_have_count(0, timeout=300_000)
    assert not (settings.home / "adapters" / "mine").exists()


@pytest.mark.slow
def test_an_estimate_and_a_training_run_as_jobs_and_the_pane_of_the_adapter_appears(page: Page, settings: Settings) -> None:
    page.locator("#train-name textarea, #train-name input").fill("fresh")
    page.locator("#train-options textarea, #train-options input").fill("r=4")
    page.locator("#train-estimate").click()
    expect(page.locator("#train-live .estimate")).to_contain_text("Steps", timeout=600_000)
    page.locator("#train-start").click()
    expect(page.locator("#train-live svg.curve-plot")).to_be_visible(timeout=600_000)
    expect(page.locator("#adapters-list label", has_text="fresh")).to_contain_text("loaded", timeout=600_000)
    expect(page.locator("#train-live article.done")).to_be_visible()
    assert (settings.home / "adapters" / "fresh" / "card.json").is_file()


@pytest.mark.slow
def test_a_training_is_stopped_goes_on_from_there_and_its_adapter_is_merged_and_exported(page: Page, settings: Settings) -> None:
    page.locator("#train-name textarea, #train-name input").fill("long")
    page.locator("#train-epochs input").fill("90")
    page.locator("#train-load input").uncheck()
    page.locator("#train-start").click()
    expect(page.locator("#train-live article.running .count")).to_contain_text(re.compile("training · [1-9]"), timeout=300_000)
    page.locator("#train-stop").click()
    expect(page.locator("#train-live article.stopped")).to_be_visible(timeout=300_000)
    expect(page.locator("#train-stop")).to_be_hidden()
    assert not (settings.home / "adapters" / "long").exists()
    expect(page.locator("#train-which input")).to_have_value(re.compile("long"))
    page.locator("#train-resume").click()
    expect(page.locator("#train-live article.done")).to_be_visible(timeout=600_000)
    expect(page.locator("#train-live article.done")).to_contain_text("Going on from step")
    expect(page.locator("#train-resume")).to_be_hidden()
    page.locator("#adapters-list label", has_text="long").click()
    expect(page.locator("#adapters-card")).to_contain_text("long")
    page.locator("#adapters-merge").click()
    expect(page.locator("#adapters-moved article.done")).to_contain_text("Merging long", timeout=300_000)
    (merged,) = (settings.home / "models-merged").glob("long-*")
    assert list(merged.glob("*.safetensors"))
    page.locator("#adapters-export").click()
    exported = settings.home / "exports" / "long"
    expect(page.locator("#adapters-moved")).to_contain_text(EN.exported.format(place=exported.resolve()), timeout=300_000)
    assert (exported / "card.json").read_bytes() == (settings.home / "adapters" / "long" / "card.json").read_bytes()


def test_a_wrong_form_is_told_in_the_page_and_the_language_switches_everything(page: Page) -> None:
    page.locator("#train-options textarea, #train-options input").fill("magic=1")
    page.locator("#train-start").click()
    expect(page.locator("#train-wrong")).to_contain_text(re.compile("no option 'magic'"))
    page.locator("#language label", has_text="RU").click()
    expect(page.locator("#adapters-head h2")).to_have_text(RU.title)
    expect(page.locator("#adapters-card")).to_contain_text(RU.about_base)
    shown = page.locator("#page-adapters").inner_text()
    assert not [words for words in (EN.lead, EN.train, EN.about_base, EN.load, EN.estimate, EN.compare_with) if words in shown]
