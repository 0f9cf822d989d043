"""Follow-up questions are searched for with the conversation in mind."""

from __future__ import annotations

import pytest

from rag.retrieve.conversation import leans_on_history, search_query
from rag.types import Message

ASKED = [Message("user", "What does LoRA alpha scale?"), Message("assistant", "The update.")]


LEANING = ["why?", "and in Russian?", "How much memory does it take?", "А сколько это стоит?", "почему?", "What about QLoRA?"]
ALONE = ["How large is the rank of a typical adapter?", "Сколько памяти занимает полное дообучение модели?"]


@pytest.mark.parametrize("question", LEANING)
def test_a_question_that_leans_on_the_conversation_brings_the_earlier_one(question: str) -> None:
    assert leans_on_history(question)
    assert search_query(question, ASKED) == f"What does LoRA alpha scale?\n{question}"


@pytest.mark.parametrize("question", ALONE)
def test_a_question_that_stands_alone_is_searched_alone(question: str) -> None:
    assert search_query(question, ASKED) == question


def test_it_goes_back_to_the_question_that_stands_alone() -> None:
    history = [*ASKED, Message("user", "why?"), Message("assistant", "Because.")]
    assert search_query("and then?", history) == "What does LoRA alpha scale?\nwhy?\nand then?"


def test_without_a_conversation_the_question_stays_as_it_is() -> None:
    assert search_query("why?", []) == "why?"
