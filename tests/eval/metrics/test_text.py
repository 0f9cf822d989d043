"""Laws of F1 and exact match, agreement with SQuAD's own definition, and Russian inflection."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.metrics.language import speaks
from eval.metrics.text import exact_match, terms, token_f1

PAIRS = Path(__file__).resolve().parents[3] / "corpora" / "atlas" / "qa"
WORDS = st.lists(st.sampled_from(["the", "a", "cat", "Cats,", "sat", "4-bit", "1.5", "модель", "модели", "в"])).map(" ".join)


def english_answers() -> list[str]:
    rows = [json.loads(line) for file in sorted(PAIRS.rglob("*.en.jsonl")) for line in file.read_text(encoding="utf-8").splitlines()]
    return [answer for row in rows for answer in row["answers"] if answer.isascii()][:400]


@given(WORDS, WORDS, st.sampled_from(["en", "ru", "de"]))
def test_scores_are_between_0_and_1_and_an_exact_match_has_f1_1(said: str, right: str, language: str) -> None:
    f1, exact = token_f1(said, [right], language), exact_match(said, [right], language)
    assert 0 <= f1 <= 1
    assert exact in (0, 1)
    assert exact <= f1
    assert token_f1(right, [said, right], language) == exact_match(right, [said, right], language) == 1


@given(WORDS, WORDS, WORDS)
def test_another_accepted_answer_never_lowers_the_score(said: str, right: str, other: str) -> None:
    assert token_f1(said, [right], "en") <= token_f1(said, [right, other], "en")


def test_english_agrees_with_squads_own_definition_on_shipped_answers() -> None:
    from transformers.data.metrics import squad_metrics

    compute_f1: Any = squad_metrics.compute_f1
    compute_exact: Any = squad_metrics.compute_exact
    answers = english_answers()
    assert len(answers) > 100
    for said, right in zip(answers, [*answers[1:], answers[0]], strict=True):
        assert token_f1(said, [right], "en") == pytest.approx(compute_f1(right, said))
        assert exact_match(said, [right], "en") == compute_exact(right, said)
        assert token_f1(f"The {said}.", [f"{said} {right}"], "en") == pytest.approx(compute_f1(f"{said} {right}", f"The {said}."))


@pytest.mark.parametrize(
    ("said", "right"),
    [
        ("Ива\u0301н Гро\u0301зный", "Иван Грозный"),
        ("в 1812 году", "1812 год, в"),
        ("Землетрясения", "землетрясение"),
        ("нижними слоями", "нижние слои"),
        ("Ещё раз", "еще раз"),
    ],
)
def test_russian_inflection_order_and_yo_cost_nothing_in_f1(said: str, right: str) -> None:
    assert token_f1(said, [right], "ru") == 1


def test_russian_words_are_compared_by_lemma_and_others_stay() -> None:
    assert terms("Обучаемых параметров LoRA", "ru") == ["обучать", "параметр", "lora"] or terms("параметров LoRA", "ru") == [
        "параметр",
        "lora",
    ]
    assert exact_match("адаптеры", ["адаптер"], "ru") == 1
    assert exact_match("адаптеры", ["ретривер"], "ru") == 0


def test_an_empty_answer_scores_nothing() -> None:
    assert token_f1("", ["something"], "en") == exact_match("", ["something"], "en") == 0
    assert token_f1("something", [], "en") == 0


@pytest.mark.parametrize(
    ("answer", "language", "expected"),
    [
        ("шестнадцать", "ru", True), ("sixteen", "ru", False), ("LoRA", "ru", True), ("sixteen", "en", True), ("шестнадцать", "en", False),
        ("16", "ru", None), ("адаптер LoRA ранга 16", "ru", True), ("the адаптер of a model is small", "ru", False),
    ],
)  # fmt: skip
def test_the_language_of_an_answer_is_told_by_its_letters(answer: str, language: str, expected: bool | None) -> None:
    assert speaks(answer, language, ["LoRA"]) is expected
