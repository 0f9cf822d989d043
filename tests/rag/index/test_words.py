"""How text becomes search terms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.index import words

BOTH = {"latin": ["english", "german"], "cyrillic": ["russian"]}


def document(text: str, language: str = "en") -> set[str]:
    return {term for compound in words.compounds(text) for term in words.document_terms(compound, language)}


def query(text: str) -> set[str]:
    return {term for compound in words.compounds(text) for term in words.query_terms(compound, BOTH)}


@pytest.mark.parametrize(
    "text", ["lora_alpha", "max-model-len", "C++", "C#", "GPT-4", "152-ФЗ", "3.14", "2024-01-31", "v1.2.3", "LoraConfig"]
)
def test_an_identifier_is_found_whole_and_in_parts(text: str) -> None:
    compound = words.compounds(f"About {text}, briefly.")[1]
    _, *parts = words.pieces(compound)
    terms = document(text)
    assert words.document_terms(compound, "en")[0] in terms
    assert set(query(text)) & terms >= {words.document_terms(compound, "en")[0]}
    for part in parts:
        assert query(part) & terms, part


def test_spellings_of_one_identifier_share_their_whole() -> None:
    assert words.pieces("max-model-len") == words.pieces("max_model_len") == words.pieces("maxModelLen")
    assert words.pieces("GPT-4")[0] == words.pieces("GPT4")[0]


def test_c_plus_plus_is_not_c() -> None:
    assert "c++" not in document("C language")


def test_words_of_one_root_meet() -> None:
    assert document("моделями", "ru") & query("модели")
    assert document("retrieving passages") & query("retrieves passage")
    assert document("Häuser", "de") & query("Haus") or document("Katzen", "de") & query("Katze")


def test_a_word_in_another_script_than_its_document_is_stemmed_by_its_own() -> None:
    assert document("обучение adapters", "ru") & query("adapter")
    assert document("the word модели", "en") & query("моделей")


def test_a_wrongly_guessed_language_loses_nothing() -> None:
    # The query side asks under every algorithm of the corpus, so what language the question seems to be in does not matter.
    for language in ("en", "de", "und", "vi"):
        assert document("training networks", language) & query("training networks")


def test_yo_is_ye_and_marks_do_not_matter() -> None:
    assert (
        document("учёт", "ru") == document("учет", "ru") == document("уче\u0301т", "ru") == document("учёт".replace("ё", "е\u0308"), "ru")
    )
    assert document("ad\u00adapter") == document("adapter")
    assert words.unmarked("Ива\u0301н, Уче\u0308т, cafe\u0301, ad\u00adap\u200bter") == "Иван, Учёт, café, adapter"


def test_scripts_without_spaces_are_cut_into_pairs() -> None:
    assert document("機械学習モデル", "ja") & query("学習")


def test_a_long_path_is_indexed_by_its_parts_only() -> None:
    assert len(words.pieces("a/b/c/d/e/f/g/h")) == 8


@given(st.text(max_size=200), st.sampled_from(["en", "ru", "de", "und", "zh", "xx"]))
def test_every_document_finds_itself(text: str, language: str) -> None:
    kinds = {words.script(piece) for compound in words.compounds(text) for piece in words.pieces(compound)}
    algorithms = {kind: [words.algorithm(kind, language)] for kind in kinds - {"cjk", ""}}
    for compound in words.compounds(text):
        terms = words.document_terms(compound, language)
        assert terms
        assert all(terms)
        assert set(terms) <= set(words.query_terms(compound, algorithms))
