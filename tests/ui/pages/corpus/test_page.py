"""The corpus page in a real Chromium: upload, rebuild by a process of its own, find it, go back. With the fakes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from rag.assistant import Assistant
from rag.index import versions
from rag.index.build import build
from rag.settings import Settings
from tests.ui.stage import QUESTION, Teller, corpus_settings
from ui.chat.serve import serve
from ui.jobs.jobs import Jobs
from ui.pages.corpus.layout import LOOK
from ui.pages.corpus.page import CorpusPage
from ui.pages.corpus.text import WORDS
from ui.pages.page import Desk
from ui.shell import Workbench

pytestmark = pytest.mark.browser

EN, RU = WORDS["en"], WORDS["ru"]
PATIENT, SLOW = 90_000, 300_000
"""Milliseconds: other work may run beside; and for what starts a process of its own."""


@pytest.fixture(autouse=True)
def _patient(browser: Browser) -> Iterator[None]:
    expect.set_options(timeout=PATIENT)
    yield
    expect.set_options(timeout=15_000)


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    made = corpus_settings(tmp_path)
    build(made)
    return made


@pytest.fixture
def url(home: Settings) -> Iterator[str]:
    jobs = Jobs(home)

    async def ready() -> None:
        return None

    page = CorpusPage(Desk(home, Assistant(home, Teller()), jobs))
    bench = Workbench([page], ready, model="scripted", language="auto")
    served = serve(bench.build(), "127.0.0.1", home.ui.port, styles=bench.style)
    yield served.url
    jobs.close()
    served.stop()


class Tab:
    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.errors: list[str] = []
        self.requests: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(url)
        expect(page.locator("#corpus-listing table")).to_be_visible()

    def part(self, number: int) -> None:
        self.page.locator("#corpus-parts button[role=tab]").nth(number).click()

    def search(self, question: str) -> Any:
        self.part(1)
        expect(self.page.locator("#corpus-hits")).not_to_be_empty()  # what is typed while a tab is being set up is lost
        box = self.page.locator("#corpus-question").locator("textarea, input").first
        box.fill(question)
        box.press("Enter")
        return self.page.locator("#corpus-hits .hits li")


@pytest.fixture
def tab(browser: Browser, url: str) -> Iterator[Tab]:
    context = browser.new_context(locale="en-US", viewport={"width": 1280, "height": 860})
    context.set_default_timeout(PATIENT)
    opened = Tab(context.new_page(), url)
    yield opened
    assert not opened.errors
    assert not [each for each in opened.requests if not each.startswith((url, "data:", "blob:"))]
    context.close()


def test_an_uploaded_document_is_found_after_a_rebuild_and_gone_after_its_removal(tab: Tab, tmp_path: Path) -> None:
    page = tab.page
    file = tmp_path / "Ostrich notes.md"
    file.write_text("# Ostriches\n\nAn ostrich runs at seventy kilometres per hour across the savanna.\n")
    tab.part(2)
    page.locator("#corpus-adding input[type=file]").set_input_files(file)
    expect(page.locator("#corpus-taken .said.good")).to_have_text(re.compile("Ostrich notes.md was added"))
    expect(page.locator("#corpus-sources")).to_contain_text("Ostrich notes.md")
    page.locator("#corpus-rebuild").click()
    expect(page.locator("#corpus-job .job.running")).to_be_visible()
    expect(page.locator("#corpus-rebuild")).to_be_disabled()
    expect(page.locator("#corpus-job .job.done")).to_be_visible(timeout=SLOW)
    expect(page.locator("#corpus-summary")).to_contain_text("Documents: 5")
    hits = tab.search("how fast does an ostrich run")
    expect(hits.first).to_contain_text("uploads/Ostrich notes.md")
    expect(hits.first.locator("mark").first).to_have_text("Ostriches")
    expect(hits.first).to_contain_text(EN.meaning)
    expect(page.locator("#corpus-map .asked")).to_have_count(1)
    hits.first.locator("button").click()
    expect(page.locator("#corpus-view .text .chosen")).to_contain_text("seventy kilometres")
    tab.part(2)
    page.once("dialog", lambda dialog: dialog.accept())
    page.locator("#corpus-sources button", has_text=EN.remove).click()
    expect(page.locator("#corpus-sources")).not_to_contain_text("Ostrich notes.md")


def test_a_document_shows_its_chunks_and_the_list_is_filtered(tab: Tab) -> None:
    page = tab.page
    expect(page.locator("#corpus-listing .pick")).to_have_count(4)
    page.locator("#corpus-filter").locator("textarea, input").first.press_sequentially("lora")
    expect(page.locator("#corpus-listing .pick")).to_have_count(1)
    page.locator("#corpus-listing .pick").click()
    text = page.locator("#corpus-view .text")
    expect(text).to_contain_text("LoRA adds two small matrices")
    expect(text.locator(".edge").first).to_have_attribute("data-n", "1")
    expect(page.locator("#corpus-listing .pick")).to_have_attribute("aria-pressed", "true")


def test_a_hostile_document_does_nothing(tab: Tab) -> None:
    page = tab.page
    page.locator("#corpus-listing .pick", has_text="<img").click()
    expect(page.locator("#corpus-view .text")).to_contain_text("<script>window.hacked=1</script>")
    expect(tab.search("hostile script")).not_to_have_count(0)
    for number in (3, 4, 2):
        tab.part(number)
        page.wait_for_timeout(500)
    assert page.evaluate("window.hacked") is None
    for forbidden in ("script", "img", "iframe", "form", "base", "a", "[onerror]", "[onload]"):
        assert page.locator("#corpus-parts").locator(forbidden).count() == 0, forbidden


def test_versions_are_gone_back_to_and_deleted(tab: Tab, home: Settings) -> None:
    (home.corpus / "en" / "new.md").write_text("# New\n\nA document that came later.\n")
    page = tab.page
    page.locator("#corpus-rebuild").click()
    expect(page.locator("#corpus-job .job.done")).to_be_visible(timeout=SLOW)
    tab.part(4)
    expect(page.locator("#corpus-versions-shown tbody tr")).to_have_count(2)
    page.once("dialog", lambda dialog: dialog.accept())
    page.locator("#corpus-versions-shown button", has_text=EN.make_live).click()
    expect(page.locator("#corpus-told .said.good")).to_be_visible()
    expect(page.locator("#corpus-summary")).to_contain_text("Documents: 4")
    page.once("dialog", lambda dialog: dialog.accept())
    page.locator("#corpus-versions-shown button", has_text=EN.delete).click()
    expect(page.locator("#corpus-versions-shown tbody tr")).to_have_count(1)
    expect(page.locator("#corpus-told .said.good")).to_contain_text("was deleted")
    assert len(versions.names(versions.folder_of(home))) == 1


def test_a_file_that_is_not_what_it_says_is_refused_in_words(tab: Tab, tmp_path: Path, home: Settings) -> None:
    wrong = tmp_path / "wrong.pdf"
    wrong.write_text("This is no PDF.")
    tab.part(2)
    tab.page.locator("#corpus-adding input[type=file]").set_input_files(wrong)
    expect(tab.page.locator("#corpus-taken .said.bad")).to_contain_text("wrong.pdf was refused")
    assert not any((home.home / "uploads").iterdir())


def test_a_folder_of_this_machine_is_added_and_left_out_again(tab: Tab, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    page = tab.page
    tab.part(2)
    expect(page.locator("#corpus-sources")).not_to_be_empty()
    field = page.locator("#corpus-folder").locator("textarea, input").first
    field.fill(str(tmp_path / "missing"))
    page.locator("#corpus-add-folder").click()
    expect(page.locator("#corpus-taken .said.bad")).to_contain_text("is not a folder")
    field.fill(str(tmp_path / "more"))
    page.locator("#corpus-add-folder").click()
    expect(page.locator("#corpus-sources")).to_contain_text("more/")
    page.once("dialog", lambda dialog: dialog.accept())
    page.locator("#corpus-sources button", has_text=EN.remove).click()
    expect(page.locator("#corpus-sources")).not_to_contain_text("more/")


def test_everything_speaks_the_language_of_the_switch(tab: Tab) -> None:
    page = tab.page
    page.locator("#corpus-listing .pick", has_text="lora").click()
    expect(page.locator("#corpus-view .text")).to_be_visible()
    page.locator("#language label", has_text="RU").click()
    expect(page.locator("#corpus-rebuild")).to_have_text(RU.rebuild)
    expect(page.locator("#corpus-view .legend")).to_contain_text(RU.legend)
    expect(page.locator("#corpus-summary")).to_contain_text("Документов")
    for number, words in ((1, RU.map_about), (2, RU.upload), (3, RU.chunk_sizes), (4, RU.versions)):
        tab.part(number)
        expect(page.locator("#page-corpus")).to_contain_text(words)
    tab.search(QUESTION)
    expect(page.locator("#corpus-hits")).to_contain_text(RU.meaning)


def test_the_part_that_is_open_is_told_by_the_browser(tab: Tab) -> None:
    tab.part(1)
    expect(tab.page.locator("#corpus-map figure")).to_be_visible()
    assert tab.page.evaluate(f"({LOOK})('a', 'b')") == ["a", "corpus search"]


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_no_width_needs_scrolling_sideways(tab: Tab, width: int) -> None:
    page = tab.page
    page.set_viewport_size({"width": width, "height": 700})
    page.locator("#corpus-listing .pick").nth(1).click()
    expect(page.locator("#corpus-view .text")).to_be_visible()
    expect(tab.search(QUESTION)).not_to_have_count(0)
    for number in (0, 1, 2, 3, 4):
        tab.part(number)
        page.wait_for_timeout(400)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, number
