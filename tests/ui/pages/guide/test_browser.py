"""The guide in a real Chromium: answers make the plan, the plan fills other pages in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from eval import runs
from rag.settings import Settings
from tests.eval.report.made import made_run
from ui.pages.guide.text import EN, RU
from ui.pages.guide.tree import tree

pytestmark = pytest.mark.browser


@pytest.fixture
def evaluated(indexed: Settings) -> Iterator[None]:
    """A finished run in the home."""
    folder = indexed.home / "runs" / "20260102-030405-00000000abcd"
    folder.mkdir(parents=True)
    run = made_run()
    runs.write_manifest(folder, dict(run.manifest))
    runs.save(folder, run)
    yield
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


def opened(tab: Any) -> Page:
    page: Page = tab.page
    page.locator("#pages").get_by_role("tablist").first.get_by_role("tab").nth(4).click()
    expect(page.locator("#page-guide article.step").first).to_be_visible(timeout=60_000)
    return page


def answer(page: Page, question: str, option: str) -> None:
    """Choose an answer by its words."""
    asked = next(each for each in tree().questions if each.key == question)
    words = next(words for words, key in asked.choices("en") if key == option)
    page.locator(f"#guide-{question}").get_by_label(words, exact=True).check()


def test_the_first_answers_come_from_this_home_and_every_answer_changes_the_plan_at_once(open_tab: Any, evaluated: None) -> None:
    tab = open_tab()
    page = opened(tab)
    expect(page.locator(".guide-found")).to_contain_text("4 documents")
    expect(page.locator("#guide-documents input:checked")).to_have_value("few")
    expect(page.locator("#step-rag")).to_be_visible()
    answer(page, "documents", "none")
    expect(page.locator("article#step-rag")).to_have_count(0)
    expect(page.locator(".guide-plan [role=status]")).to_contain_text("to do now")
    answer(page, "goal", "form")
    answer(page, "examples", "hundreds")
    expect(page.locator("article#step-lora.do")).to_be_visible()
    page.locator(".guide-out > summary").click()
    expect(page.locator(".guide-out #step-rag")).to_be_visible()
    assert not tab.errors


def test_what_was_measured_here_is_marked_and_has_its_interval(open_tab: Any, evaluated: None) -> None:
    page = opened(open_tab())
    measured = page.locator("#step-rag .measured")
    expect(measured.locator(".badge")).to_have_text(EN.measured)
    expect(measured).to_contain_text(re.compile(r"95 % CI \d+–\d+.*00000000abcd.*60 questions"))
    expect(page.locator("#step-rag .badge.thumb")).to_have_text(EN.thumb)


def test_without_a_run_nothing_claims_to_be_measured(open_tab: Any) -> None:
    page = opened(open_tab())
    expect(page.locator(".measured")).to_have_count(0)
    expect(page.locator(".badge.thumb").first).to_be_visible()


def test_a_source_opens_its_passage(open_tab: Any) -> None:
    page = opened(open_tab())
    card = page.locator("#step-rag details.card").first
    card.locator("summary").click()
    expect(card.locator(".page")).to_contain_text("Choose RAG when facts change often")
    expect(card).to_contain_text("en/rag-overview.md")


def test_do_it_goes_there_and_fills_in_method_and_recipe(open_tab: Any) -> None:
    page = opened(open_tab())
    answer(page, "goal", "form")
    answer(page, "examples", "hundreds")
    answer(page, "machine", "gpu16")
    page.get_by_role("button", name=EN.fill.format("qlora")).click()
    expect(page.locator("#train-method input")).to_have_value(re.compile("qlora"))
    expect(page.locator("#train-recipe input:checked")).to_have_count(1)
    expect(page.locator("#train-recipe label", has=page.locator("input:checked"))).to_contain_text("closed-book")
    page.locator("#pages").get_by_role("tablist").first.get_by_role("tab").nth(4).click()
    expect(page.locator("#guide-goal input:checked")).to_have_value("form")
    page.get_by_role("button", name=EN.go["evaluate"]).first.click()
    expect(page.locator("#page-evaluate #eval-start")).to_be_visible()


def test_the_switch_words_everything_and_keeps_the_answers(open_tab: Any) -> None:
    page = opened(open_tab())
    answer(page, "goal", "skill")
    expect(page.locator("#step-head")).to_be_visible()
    page.locator("#language label", has_text="RU").click()
    expect(page.locator(".guide-plan h2")).to_have_text(RU.plan)
    expect(page.locator("#guide-goal input:checked")).to_have_value("skill")
    own = page.locator("#page-guide").inner_text()
    assert not re.findall(r"\b(?:the|and|of|to|Go|your)\b", own)


def test_the_keyboard_alone_answers(open_tab: Any) -> None:
    page = opened(open_tab())
    page.locator("#guide-goal input:checked").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.locator("#guide-goal input:checked")).to_have_value("form")
    expect(page.locator("#step-prompt")).to_be_visible()


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_no_width_needs_scrolling_sideways(open_tab: Any, width: int) -> None:
    page = opened(open_tab(viewport={"width": width, "height": 700}, locale="ru-RU"))
    for summary in page.locator("#page-guide details summary").all()[:6]:
        summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
