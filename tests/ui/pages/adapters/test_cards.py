"""Adapters as the page reads and shows them: every value of a card, its state, and nothing of it that acts."""

from __future__ import annotations

import pytest

from adapters.gate import FASTER_MERGED
from adapters.method import METHODS
from rag.generate.routes import Route, publish
from rag.settings import Settings
from tests.ui.pages.adapters.made import harmless, store_card
from tests.ui.stage import HOSTILE
from ui.chat.text import Language
from ui.pages.adapters import cards, compare, reading
from ui.pages.adapters.curve import curve
from ui.pages.adapters.reading import Entry, Here
from ui.pages.adapters.text import WORDS


def entry_of(name: str, settings: Settings) -> Entry:
    return next(each for each in reading.entries(settings) if each.name == name)


def shown(name: str, settings: Settings, language: Language = "en") -> str:
    entry = entry_of(name, settings)
    return cards.card(entry, reading.here(entry, settings), WORDS[language])


@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_card_shows_how_the_adapter_was_made_and_where_it_can_answer(settings: Settings, language: Language) -> None:
    card = store_card("mine", settings)
    text = harmless(shown("mine", settings, language)).text
    for value in (
        card.base.model,
        card.base.revision,
        card.sha256,
        card.template,
        card.data.sha256,
        card.command,
        WORDS[language].splits["by document"],
    ):
        assert value in text
    for key in (*card.options, *card.training, "torch 2.13.0", "413"):
        assert str(key) in text
    assert WORDS[language].can_here.format(way=WORDS[language].ways["vllm"]) in text
    assert WORDS[language].reason("the scripted generator takes any name") in text


def test_an_adapter_that_does_not_fit_says_every_reason(settings: Settings) -> None:
    store_card("old", settings, template="0000000000000000", sha256="0" * 64)
    entry = entry_of("old", settings)
    here = reading.here(entry, settings)
    assert not here.way and "prompt template 0000000000000000" in here.why and "sha256" in here.why
    said = cards.card(entry, here, WORDS["ru"])
    assert "шаблоне запроса 0000000000000000" in said and "it was trained" not in said and WORDS["ru"].cannot_here in said


def test_the_state_is_said_in_words(settings: Settings) -> None:
    card = store_card("mine", settings)
    assert entry_of("mine", settings).state == "idle"
    publish(settings.home, Route("mine", "vllm", "mine", card.sha256, settings.generate.model))
    assert entry_of("mine", settings).state == "loaded"
    publish(settings.home, Route("mine", "vllm", "mine", "f" * 64, settings.generate.model))
    assert entry_of("mine", settings).state == "older"
    publish(settings.home, Route("mine", "vllm", "mine", card.sha256, "another"))
    entry = entry_of("mine", settings)
    assert entry.state == "elsewhere"
    ((label, value),) = cards.choices([entry], WORDS["en"])
    assert value == "mine" and label.startswith("mine\n") and WORDS["en"].states["elsewhere"] in label and "F1 50.0" in label


def test_a_card_that_cannot_be_read_is_listed_with_the_reason(settings: Settings) -> None:
    store_card("torn", settings)
    (settings.home / "adapters" / "torn" / "card.json").write_text("{", encoding="utf-8")
    entry = entry_of("torn", settings)
    assert entry.state == "broken" and entry.card is None
    assert WORDS["en"].unreadable in harmless(cards.card(entry, Here("", entry.problem), WORDS["en"])).text


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_in_a_card_stay_text(settings: Settings, text: str) -> None:
    hostile = {"options": {text: text}, "training": {text: [text]}, "evaluation": {text: text}, "versions": {text: text}}
    store_card("bad", settings, base={"model": text, "revision": text}, method=text, command=text, created=text, **hostile)
    seen = harmless(shown("bad", settings))
    assert not set(seen.text) & set("\x1b\u202e\u2066")
    entry = entry_of("bad", settings)
    assert entry.card is not None
    other = entry.card.model_copy(update={"options": {}, "name": text})
    harmless(compare.comparison(entry.card, other, WORDS["en"]))


def test_equal_cards_have_no_difference_and_other_ones_are_told_apart_in_words(settings: Settings) -> None:
    one = store_card("one", settings)
    differ, same = compare.differences(one, one)
    assert differ == [] and ("options.r", "8") in same
    other = store_card("other", settings, options={"r": 16, "alpha": 16}, seed=1)
    differ, same = compare.differences(one, other)
    assert {("options.r", "8", "16"), ("options.dropout", "0.05", ""), ("seed", "7", "1")} <= set(differ)
    assert ("options.alpha", "16") in same and not {key for key, *_ in differ} & {"name", "command", "created"}
    shown = harmless(compare.comparison(one, other, WORDS["en"])).text
    assert shown.count(WORDS["en"].differs) == len(differ) and "options.dropout" in shown


def test_a_curve_has_a_line_and_a_square_for_each_validation_and_says_both_in_words(settings: Settings) -> None:
    words = WORDS["en"]
    card = store_card("mine", settings)
    html = curve(card.curve, words, name="x", steps=20)
    assert html.count("<polyline") == 2 and html.count('<rect class="dot"') == 2 and ">20</text>" in html
    told = harmless(html).text
    assert "loss 0.500 at step 6" in told and "held-back loss 1.000 at step 6" in told and "score 50.0 at step 6" in told
    assert words.no_curve in curve((), words, name="x")


@pytest.mark.parametrize("language", ["en", "ru"])
def test_every_method_and_every_recipe_has_a_line(language: Language) -> None:
    assert set(WORDS[language].methods) == set(METHODS.parts)
    assert set(WORDS[language].recipes) == {"context", "closed-book", "text"}


def test_the_reasons_of_the_gate_are_said_in_russian() -> None:
    reason = WORDS["ru"].reason
    for words in (
        FASTER_MERGED,
        "DoRA cannot be merged, and vLLM can load it",
        "http://x/v1 is asked by the adapter's name, which it must serve",
    ):
        assert any("а" <= letter <= "я" for letter in reason(words).lower())
    assert reason("something new") == "something new"
