"""EM and F1 against SQuAD's published definitions, written down again here word for word; SQuAD 2's convention for refusals."""

from __future__ import annotations

import json
import re
import string
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.metrics.text import containment, exact_match, terms, token_f1
from eval.scoring import score
from eval.types import Case, Reply
from rag.qa import Pair

SHIPPED = Path(__file__).resolve().parents[3] / "corpora" / "atlas" / "qa"
ASCII = st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=40)


def normalize_answer(text: str) -> str:
    """Lower text and remove punctuation, articles and extra whitespace (Rajpurkar et al. 2016, 2018)."""
    lowered = text.lower()
    without_punctuation = "".join(letter for letter in lowered if letter not in set(string.punctuation))
    without_articles = re.sub(r"\b(a|an|the)\b", " ", without_punctuation)
    return " ".join(without_articles.split())


def squad_exact(gold: str, said: str) -> int:
    return int(normalize_answer(gold) == normalize_answer(said))


def squad_f1(gold: str, said: str) -> float:
    gold_tokens, said_tokens = normalize_answer(gold).split(), normalize_answer(said).split()
    if not gold_tokens or not said_tokens:
        return float(gold_tokens == said_tokens)
    same = sum((Counter(gold_tokens) & Counter(said_tokens)).values())
    if same == 0:
        return 0.0
    precision, recall = same / len(said_tokens), same / len(gold_tokens)
    return 2 * precision * recall / (precision + recall)


def rows() -> list[dict[str, Any]]:
    return [json.loads(line) for file in sorted(SHIPPED.glob("*.en.jsonl")) for line in file.read_text(encoding="utf-8").splitlines()]


@given(ASCII, st.lists(ASCII, min_size=1, max_size=3))
def test_any_answer_gets_what_squads_script_gives_it(said: str, accepted: list[str]) -> None:
    assert exact_match(said, accepted, "en") == max(squad_exact(gold, said) for gold in accepted)
    assert token_f1(said, accepted, "en") == pytest.approx(max(squad_f1(gold, said) for gold in accepted), abs=1e-12)


def test_so_do_shipped_questions_answered_with_their_gold_span_and_with_another_answer() -> None:
    """Only dashes and quotes beyond ASCII differ: SQuAD's script leaves them in the word, here they are punctuation."""
    known = [row for row in rows() if row["answerable"] and all(text.isascii() for text in (*row["answers"], row["gold"][0]["span"]))]
    assert len(known) > 200
    for row, other in zip(known, [*known[1:], known[0]], strict=True):
        for said in (row["answers"][0], row["gold"][0]["span"], other["answers"][0]):
            assert exact_match(said, row["answers"], "en") == max(squad_exact(gold, said) for gold in row["answers"])
            assert token_f1(said, row["answers"], "en") == pytest.approx(max(squad_f1(gold, said) for gold in row["answers"]), abs=1e-12)


def test_over_all_questions_a_refusal_is_right_where_there_is_no_answer() -> None:
    """SQuAD 2: an unanswerable question has the empty answer; an arm that refuses says nothing."""
    for row in rows()[:200]:
        case = Case(Pair(row["id"], row["question"], tuple(row["answers"]), answerable=row["answerable"], language="en"))
        for refused in (True, False):
            said = "" if refused else "sixteen"
            values = score(case, None, Reply(row["id"], "icl", said, refused=refused)).values
            golds = row["answers"] or [""]
            assert values["em_all"] == max(squad_exact(gold, said) for gold in golds)
            assert values["f1_all"] == pytest.approx(max(squad_f1(gold, said) for gold in golds))
            assert ("f1" in values) == row["answerable"]


@given(ASCII, st.sampled_from(["en", "ru", "de"]))
def test_an_answer_contains_itself_wherever_it_stands(right: str, language: str) -> None:
    for said in (right, f"Well, {right} , of course"):
        assert containment(said, [right], language) == float(bool(terms(right, language)))


def test_containment_wants_the_words_in_a_row() -> None:
    assert containment("It has the rank sixteen by default.", ["rank sixteen"], "en") == 1
    assert containment("Sixteen is the rank.", ["rank sixteen"], "en") == 0
    assert containment("sixteenth", ["sixteen"], "en") == 0
    assert containment("Обучают адаптеры низкого ранга", ["адаптер"], "ru") == 1
    assert containment("anything", ["the"], "en") == 0
