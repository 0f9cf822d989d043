"""Comparing in a real Chromium: blind votes, thumbs, settings, editing, saving, and the tabs around it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.sync_api import expect

from rag.settings import Settings
from tests.ui.stage import QUESTION, Stage
from tests.ui.watched import Watched
from ui.chat.text import EN, RU
from ui.votes.store import Votes
from ui.votes.text import VOTES

pytestmark = pytest.mark.browser


def blind(tab: Watched) -> None:
    tab.page.locator("#blind input").check()


def test_blind_panes_have_no_names_until_a_vote_which_is_kept(open_tab: Any, stage: Stage, indexed: Settings) -> None:
    stage.generator.says = {QUESTION: "It scales the update [1]."}
    votes, tab = Votes(indexed.home), open_tab()
    before = votes.count()
    blind(tab)
    tab.ask(QUESTION, wait=False)
    expect(tab.page.locator("#now .ballot")).to_be_visible()
    hidden = tab.page.locator("#now").inner_html()
    assert not re.findall(r"ICL|RAG|cite|card|facts|scripted|\[1\]", hidden)
    tab.page.locator("#now .ballot button", has_text="B is better").click()
    expect(tab.pane(1).locator(".badge.chosen")).to_be_visible()
    expect(tab.page.locator("#now h3", has_text="RAG")).to_be_visible()
    expect(tab.page.locator("#now details.card").first).to_be_visible()
    expect(tab.page.locator("#notice")).to_contain_text(VOTES["en"].kept.format(before + 1))
    kept = votes.all()[-1]
    assert (kept.choice, kept.blind, kept.question) == ("B", True, QUESTION)
    assert {answer.arm for answer in kept.answers} == {"icl", "rag"} and all(answer.provenance for answer in kept.answers)
    assert not tab.errors


@pytest.mark.parametrize(("key", "choice"), [("1", "A"), ("t", "tie"), ("b", "bad")])
def test_a_key_votes_outside_of_fields_and_is_a_letter_within(open_tab: Any, indexed: Settings, key: str, choice: str) -> None:
    votes, tab = Votes(indexed.home), open_tab()
    blind(tab)
    tab.ask(QUESTION)
    expect(tab.page.locator("#now .ballot button").first).to_be_focused()
    tab.page.locator("#question textarea").click()
    tab.page.keyboard.press(key)
    expect(tab.page.locator("#question textarea")).to_have_value(key)
    expect(tab.page.locator("#now .ballot")).to_be_visible()
    tab.page.fill("#question textarea", "")
    tab.page.locator("#now .question").click()
    tab.page.evaluate("document.activeElement.blur()")
    tab.page.keyboard.press(key)
    expect(tab.page.locator("#now .ballot")).to_have_count(0)
    expect(tab.page.locator("#notice")).to_contain_text(str(votes.count()))
    assert votes.all()[-1].choice == choice
    expect(tab.page.locator("#question textarea")).to_have_value("")


def test_thumbs_and_corrections_are_kept_and_what_is_typed_survives_a_new_picture(open_tab: Any, indexed: Settings) -> None:
    tab = open_tab()
    tab.ask(QUESTION)
    for number, words in ((0, "Half a correc"), (1, "It scales the update by alpha / rank.")):
        tab.pane(number).locator(".fix summary").click()
        tab.pane(number).locator("textarea").fill(words)
    tab.pane(1).locator("button.up").click()
    expect(tab.pane(1).locator("button.up")).to_have_attribute("aria-pressed", "true")
    expect(tab.pane(0).locator("textarea")).to_have_value("Half a correc")
    tab.pane(1).locator("button.keep").click()
    expect(tab.pane(1).locator(".fix summary")).to_have_text(VOTES["en"].corrected)
    kept = Votes(indexed.home).all()[-1]
    assert [(answer.thumb, answer.correction) for answer in kept.answers] == [(0, ""), (1, "It scales the update by alpha / rank.")]
    tab.page.locator("#board > button").click()
    expect(tab.page.locator(".board")).to_be_visible()
    with tab.page.expect_download() as download:
        tab.page.locator("#board-save button").first.click()
    lines = download.value.path().read_text(encoding="utf-8").splitlines()
    assert any(json.loads(line)["chosen"][0]["content"] == "It scales the update by alpha / rank." for line in lines)
    tab.page.locator("#language label", has_text="RU").click()
    expect(tab.page.locator("#board > button")).to_contain_text(VOTES["ru"].board)
    expect(tab.page.locator(".board")).to_have_attribute("lang", "ru")


def test_the_last_question_can_be_edited_and_replaces_its_turn(open_tab: Any) -> None:
    tab = open_tab()
    tab.ask("The first one?")
    tab.ask("The secnd one?")
    box, edit = tab.page.locator("#question textarea"), tab.page.locator("#edit")
    edit.click()
    expect(box).to_have_value("The secnd one?")
    expect(edit).to_have_text(EN.keep)
    edit.click()
    expect(box).to_have_value("")
    edit.click()
    expect(box).to_have_value("The secnd one?")
    tab.ask("The second one?")
    expect(tab.page.locator(".turn .question")).to_have_text([re.compile("The first one"), re.compile("The second one")])
    expect(edit).to_have_text(EN.edit)


def test_a_conversation_can_be_saved(open_tab: Any, stage: Stage) -> None:
    stage.generator.says = {QUESTION: "It scales **the update** <script>window.hacked=1</script> [1]."}
    tab = open_tab()
    tab.ask(QUESTION)
    for button, ending in (("#save-markdown", "md"), ("#save-json", "json")):
        with tab.page.expect_download() as download:
            tab.page.locator(button).click()
        assert re.fullmatch(rf"atlas-[\d-]+\.{ending}", download.value.suggested_filename)
        text = download.value.path().read_text(encoding="utf-8")
        assert "the update" in text and QUESTION in text and "en/lora.md" in text
    turn = json.loads(text)["turns"][0]
    assert [answer["arm"] for answer in turn["answers"]] == ["icl", "rag"] and turn["answers"][1]["passages"]
    assert tab.page.evaluate("window.hacked") is None and not tab.errors


def test_the_panes_and_the_decoding_that_were_chosen_answer(open_tab: Any, stage: Stage) -> None:
    tab = open_tab()
    tab.page.locator("#controls > button").click()
    choices = tab.page.locator("#choose-panes label")
    choices.filter(has_text="ICL").locator("input").uncheck()
    choices.filter(has_text="Zero-shot").locator("input").check()
    tab.page.locator("#choose-style label", has_text="A phrase").click()
    tab.ask(QUESTION)
    assert {heading.split()[0] for heading in tab.page.locator("#now h3").all_inner_texts()} == {"RAG", "Zero-shot"}
    assert all("Short answer:" in messages[-1].content for messages in stage.generator.asked[-2:])


def test_tabs_are_in_the_address_and_go_back(open_tab: Any, stage: Stage) -> None:
    tab = open_tab()
    tab.page.locator("#page-corpus-button").click()
    expect(tab.page.locator("#page-corpus")).to_be_visible()
    expect(tab.page.locator("#page-compare")).to_be_hidden()
    assert tab.page.url == f"{stage.page.url}#corpus"
    tab.page.locator("#page-corpus-button").press("ArrowRight")
    expect(tab.page.locator("#page-adapters-button")).to_be_focused()
    expect(tab.page.locator("#page-adapters")).to_be_visible()
    tab.page.go_back()
    expect(tab.page.locator("#page-corpus")).to_be_visible()
    tab.page.go_back()
    expect(tab.page.locator("#page-compare")).to_be_visible()
    assert tab.page.url == stage.page.url
    tab.page.goto(f"{stage.page.url}#guide")
    tab.page.reload()
    expect(tab.page.locator("#page-guide")).to_be_visible()


def test_a_conversation_survives_a_look_at_another_page(open_tab: Any, stage: Stage) -> None:
    stage.generator.says = {QUESTION: "word " * 300}
    tab = open_tab()
    tab.ask(QUESTION, wait=False)
    expect(tab.pane(0).locator(".answer")).to_contain_text("word")
    tab.page.locator("#page-guide-button").click()
    expect(tab.page.locator("#page-guide")).to_be_visible()
    tab.page.locator("#language label", has_text="RU").click()
    expect(tab.page.locator("#page-compare-button")).to_have_text(RU.tab)
    tab.page.locator("#page-compare-button").click()
    tab.finished()
    expect(tab.pane(1)).to_contain_text(RU.sources)
