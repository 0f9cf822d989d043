"""Evaluations in a real Chromium, with the scripted generator: a run as a job, its report, a lost question taken to Compare."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from rag.assistant import open_assistant
from rag.settings import Settings
from ui.chat.open import open_page
from ui.pages.evaluate.text import EN, RU

pytestmark = pytest.mark.browser


async def ready() -> None:
    return None


@pytest.fixture
def page(browser: Browser, evaluated: Settings, tmp_path: Path) -> Iterator[Page]:
    home = Path(shutil.copytree(evaluated.home, tmp_path / "home"))  # other tests count the runs
    settings = evaluated.model_copy(update={"home": home})
    served = open_page(settings, open_assistant(settings), ready)
    context = browser.new_context(locale="en-US", viewport={"width": 1280, "height": 900})
    try:
        expect.set_options(timeout=60_000)
        opened = context.new_page()
        opened.set_default_timeout(60_000)
        opened.goto(served.url)
        opened.get_by_role("tab", name=EN.title).click()
        expect(opened.locator("#runs-list label")).not_to_have_count(0)
        yield opened
    finally:
        context.close()
        served.stop()


def test_an_evaluation_runs_as_a_job_and_its_report_opens(page: Page) -> None:
    before = page.locator("#runs-list label").count()
    page.locator("#eval-arms label", has_text="oracle").locator("input").uncheck()
    page.locator("#eval-arms label", has_text="shuffled").locator("input").uncheck()
    page.locator("#eval-limit input").fill("5")
    page.locator("#eval-name input, #eval-name textarea").fill("from the page")
    page.locator("#eval-start").click()
    expect(page.locator("#eval-job article.job")).to_be_visible()
    expect(page.locator("#eval-job article.done")).to_be_visible(timeout=300_000)
    expect(page.locator("#runs-list label")).to_have_count(before + 1)
    expect(page.locator("#runs-list label.selected")).to_contain_text("from the page")
    expect(page.locator("#run-chosen .verdict")).not_to_be_empty()
    page.locator("#run-chosen .report summary").click()
    report = page.frame_locator("#run-chosen iframe")
    expect(report.locator("h1.verdict")).to_have_text(page.locator("#run-chosen .verdict").inner_text())
    with page.expect_popup() as popup:
        page.get_by_role("link", name=EN.report_tab).click()
    expect(popup.value.locator("h1.verdict")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name=EN.report_csv).click()
    assert Path(download.value.path()).read_bytes().startswith(b"\xef\xbb\xbfcase,arm")


def test_two_runs_are_compared_and_a_lost_question_goes_to_compare(page: Page) -> None:
    page.locator("#runs-list label", has_text="first").click()
    page.locator("#run-other input").click()
    page.get_by_role("option").filter(has_text="second").first.click()
    expect(page.locator("#run-compared table")).to_contain_text("icl")
    expect(page.locator("#lost")).to_be_visible()
    page.locator("#lost-list label", has_text="<script>").first.click()
    expect(page.locator("#lost-case .lost-case")).to_contain_text("<script>window.hacked=1</script>")
    expect(page.locator("#lost-case .reply")).not_to_have_count(0)
    page.locator("#lost-ask").click()
    expect(page.locator("#question textarea")).to_have_value(re.compile("<script>window.hacked=1</script>"))
    expect(page.locator("#page-compare")).to_be_visible()
    assert page.evaluate("window.hacked") is None


def test_a_wrong_form_is_told_in_the_page_and_the_language_switches_everything(page: Page) -> None:
    for box in page.locator("#eval-files input:checked").all():
        box.uncheck()
    page.locator("#eval-start").click()
    expect(page.locator("#eval-wrong")).to_contain_text(EN.choose_pairs)
    page.locator("#language label", has_text="RU").click()
    expect(page.locator("#evaluate-head h2")).to_have_text(RU.title)
    expect(page.locator("#run-chosen")).to_contain_text(RU.facts_questions)
    shown = page.locator("#page-evaluate").inner_text()
    assert not [words for words in (EN.lead, EN.start, EN.lost, EN.facts_took, EN.report_here, EN.answered) if words in shown]
