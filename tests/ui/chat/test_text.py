"""The words of the page."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest

from ui.chat.controls_text import CONTROLS
from ui.chat.status import Doing
from ui.chat.text import EN, RU, preferred


def words(text: object) -> dict[str, str]:
    """Every string of a Text by its dotted name."""
    found: dict[str, str] = {}
    for each in fields(type(text)):  # type: ignore[arg-type]
        value = getattr(text, each.name)
        if isinstance(value, str):
            found[each.name] = value
        elif each.name != "reasons":
            found |= {f"{each.name}.{key}": " ".join(inner) if isinstance(inner, tuple) else inner for key, inner in value.items()}
    return found


def test_both_languages_have_the_same_words_with_the_same_fields() -> None:
    for english, russian in ((words(EN), words(RU)), (words(CONTROLS["en"]), words(CONTROLS["ru"]))):
        assert english.keys() == russian.keys()
        for name, value in english.items():
            assert bool(value) == bool(russian[name]), name
            assert value.count("{}") == russian[name].count("{}"), name


def test_nothing_is_left_in_english_on_the_russian_page() -> None:
    """Names and keys apart."""
    allowed = {"Atlas", "ICL", "RAG", "LoRA", "Zero", "shot", "BM25", "Enter", "Shift", "Esc", "ru", "atlas", "index", "build", "serve"}
    allowed |= {"Markdown", "JSON", "Top"}
    for name, value in (words(RU) | words(CONTROLS["ru"])).items():
        assert set(re.findall(r"[A-Za-z]\w+", value)) <= allowed, name


@pytest.mark.parametrize(
    ("header", "setting", "language"),
    [
        ("ru-RU,ru;q=0.9,en;q=0.8", "auto", "ru"),
        ("en-US,en;q=0.9,ru;q=0.8", "auto", "en"),
        ("de-DE,ru;q=0.3,en;q=0.2", "auto", "ru"),
        ("de", "auto", "en"),
        ("", "auto", "en"),
        ("ru;q=1.2.3,;;q=", "auto", "ru"),
        ("ru", "en", "en"),
        ("en", "ru", "ru"),
    ],
)
def test_the_browser_chooses_the_language_unless_the_settings_do(header: str, setting: str, language: str) -> None:
    assert preferred(header, setting) == language


def test_numbers_have_the_decimal_mark_of_the_language() -> None:
    assert (EN.number(1.25, 2), RU.number(1.25, 2)) == ("1.25", "1,25")


def test_a_status_says_what_how_far_and_how_long() -> None:
    assert EN.doing(Doing("server", seconds_left=40.4)) == "The model server is starting: about 40 s left"
    assert EN.doing(Doing("server", seconds_passed=12.3)) == "The model server is starting: 12 s so far"
    assert RU.doing(Doing("index", 3, 9)) == "Индексируются документы: 3 / 9"
    assert RU.doing(Doing("other", line="as it is")) == "as it is"
    assert EN.doing(Doing("warming")) == "Loading the search"


def test_reasons_that_atlas_gives_are_translated_and_others_stay() -> None:
    assert RU.reason("over the budget of 1200 tokens") == "не поместилось в 1200 токенов"
    assert RU.reason("nearly the same as en/lora.md") == "почти то же, что en/lora.md"
    assert RU.reason("because") == EN.reason("because") == "because"
