"""What the model should say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.data.gold import Need, meets
from adapters.data.matching import words
from adapters.data.target import LONGEST, clean, full_target, refusal, sentence, short_target, target_of
from rag.context.citations import cite, refuses
from rag.qa import Pair
from rag.types import Source
from tests.adapters.data.towns import source


def asked(question: str, *answers: str, span: str = "") -> Pair:
    return Pair("q", question, answers, ("a.md",), (("a.md", span),) if span else (), language="en")


def full(pair: Pair, text: str, *, number: int = 2) -> str:
    need = Need(*pair.gold[0]) if pair.gold else Need()
    return full_target(pair, {need: source("a.md", text, number=number)})


@pytest.mark.parametrize("question", ["What is it?", "Что это?"])
def test_the_refusal_is_recognised_in_either_language(question: str) -> None:
    assert refuses(refusal(question))
    assert ("know" in refusal(question)) == (question == "What is it?")


def test_the_short_answer_is_the_one_that_stands_in_the_passage() -> None:
    pair = asked("When?", "the 10th century", "10th")
    assert short_target(pair, [source("a.md", "It was the 10th or so.")]) == "10th"
    assert short_target(pair, [source("a.md", "Nothing.")]) == "the 10th century"


@pytest.mark.parametrize(
    ("question", "answer", "span", "text", "said"),
    [
        ("What is the rank?", "16", "", "# LoRA\n\nIntro here. The **rank** is `16` [4]. More.", "The rank is 16. [2]"),
        ("What is the rank of LoRA?", "16", "", "The seed is 16. The rank of LoRA is 16. End.", "The rank of LoRA is 16. [2]"),
        ("Is it free?", "yes", "It costs nothing", "A tool. It costs nothing today. End.", "Yes. It costs nothing today. [2]"),
        ("How many?", "8", "| `n` | 8 |", "Table:\n\n| a | b |\n|---|---|\n| `n` | 8 |\n", "8. [2]"),
        ("What is it called?", "lora_alpha", "", "- the option is lora_alpha\n- another one", "The option is lora_alpha. [2]"),
        ("Which number is it?", "16", "", "Это число 16. Да.", "16. [2]"),
        ("What is it?", "red", "It is red. Always", "So. It is red. Always so. End.", "It is red. Always so. [2]"),
        ("Who said it?", "Lu", "", "In tests (Lu et al. 2023) it fell. It rose.", "In tests (Lu et al. 2023) it fell. [2]"),
        ("Who said it?", "Lu", "", "It was Lu et al. 2023 tuned it. It rose.", "It was Lu et al. 2023 tuned it. [2]"),
        ("What is long?", "red", "", f"It is red {'and so on ' * 40}. End.", "Red. [2]"),
    ],
)
def test_the_full_answer_quotes_the_sentence_that_holds_it(question: str, answer: str, span: str, text: str, said: str) -> None:
    assert full(asked(question, answer, span=span), text) == said


def test_an_answer_that_is_prose_is_taken_as_it_is() -> None:
    prose = "Averages are used to calculate a seasonal index. It recurs every year."
    assert full(asked("Which method is it?", prose), "Seasonal index: averages, calculated every year, recur.") == f"{prose} [2]"


def test_a_quotation_that_reads_like_a_refusal_gives_way_to_the_bare_answer() -> None:
    pair = asked("Which file is it?", "setup.cfg")
    gold = {Need(): source("a.md", "The file setup.cfg does not contain secrets. End.", number=1)}
    assert target_of(pair, gold, "full") == "setup.cfg. [1]"
    assert target_of(asked("What does it say?", "I do not know"), gold, "short") == ""


WORDS = st.lists(st.sampled_from(["mill", "river", "Rollo", "16", "old", "**bold**", "`code`", "[3]"]), min_size=1, max_size=30)


@given(st.lists(WORDS, min_size=1, max_size=6), st.integers(0, 5), st.integers(1, 9))
def test_a_full_target_cites_its_passage_and_nothing_else(rows: list[list[str]], at: int, number: int) -> None:
    rows = [*rows[:at], ["The", "duke", "was", "Robert"], *rows[at:]]
    text = " ".join(f"{' '.join(row).capitalize()}." for row in rows)
    pair = asked("Who was the duke?", "Robert")
    passage: Source = source("a.md", text, number=number)
    assert meets(passage, Need(), pair)
    said = full_target(pair, {Need(): passage})
    assert {(each.number, each.by) for each in cite(pair.question, said, [passage])} == {(number, "model")}
    assert "robert" in words(said) and len(words(said)) <= LONGEST + 1
    assert not set("*`") & set(said)


@pytest.mark.parametrize(
    ("text", "ended"),
    [
        ("it is so", "It is so."),
        ("lora_alpha", "lora_alpha."),
        ("vLLM is", "vLLM is."),
        ("Is it?", "Is it?"),
        ("a, b,", "A, b."),
        ("", ""),
    ],
)
def test_a_sentence_begins_with_a_capital_and_ends_but_names_stay(text: str, ended: str) -> None:
    assert sentence(text) == ended


def test_marks_and_numbers_that_read_like_citations_are_cleaned_away() -> None:
    assert clean("  * **Bold** and [a link](http://x.y) to `code` [12], see [3, 4].\n") == "Bold and a link to code, see."


def test_gold_needs_the_answer_or_the_span() -> None:
    pair = asked("Where?", "France", span="Normandy lies in France")
    assert meets(source("a.md", "As is known, *Normandy* lies in France."), Need("a.md", "Normandy lies in France"), pair)
    assert not meets(source("a.md", "France is large."), Need("a.md", "Normandy lies in France"), pair)
    assert not meets(source("b.md", "Normandy lies in France."), Need("a.md", "Normandy lies in France"), pair)
    alone = asked("Where?", "France")
    assert meets(source("a.md", "France is large."), Need(), alone)
    assert not meets(source("a.md", "Francesco is large."), Need(), alone)
    assert not meets(source("a.md", "Yes, it is."), Need(), asked("Is it?", "yes"))
