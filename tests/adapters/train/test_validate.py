"""What a validation reads off a model: how near it is to refusing, and what it answers when it may not."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from adapters.data.tokens import prompt_ids
from adapters.tiny import tiny_model, tiny_tokenizer
from adapters.train.refusals import first_tokens
from adapters.train.validate import Question, readings
from rag.qa import Pair
from rag.types import Message

QUESTIONS = ("where is the town?", "who is the king of the town in the hills?", "где город?")


@pytest.fixture(scope="module")
def asked() -> tuple[Any, Any, list[Question]]:
    tokenizer = tiny_tokenizer()
    pairs = [Pair(text, text, answers=("here",), answerable=number != 1) for number, text in enumerate(QUESTIONS)]
    return tiny_model(), tokenizer, [Question(pair, tuple(prompt_ids([Message("user", pair.question)], tokenizer))) for pair in pairs]


def test_margins_are_those_of_the_models_own_first_token(asked: tuple[Any, Any, list[Question]]) -> None:
    model, tokenizer, questions = asked
    refusing = first_tokens(tokenizer)
    found = readings(model, tokenizer, questions, lambda *_: 0.0)
    for number, question in enumerate(questions):
        with torch.no_grad():
            logits = model(torch.tensor([question.prompt])).logits[0, -1]
        token = refusing["ru" if number == 2 else "en"]
        others = torch.cat([logits[:token], logits[token + 1 :]])
        assert found[number].margin == pytest.approx(float(logits[token] - others.max()), abs=1e-4)


def test_each_answer_is_compared_with_its_own_pair_and_never_begins_as_a_refusal(asked: tuple[Any, Any, list[Question]]) -> None:
    model, tokenizer, questions = asked
    said: list[tuple[str, str]] = []

    def score(pair: Pair, text: str) -> float:
        said.append((pair.id, text))
        return 1.0 if text in ("I don't know.", "Не знаю.") else 0.25

    found = readings(model, tokenizer, questions, score)
    assert [reading.answerable for reading in found] == [True, False, True]
    assert {name for name, _ in said} == set(QUESTIONS)
    assert all((reading.answered, reading.refused) == (0.25, 1.0) for reading in found)


def test_the_model_is_left_in_the_mode_that_it_was_in(asked: tuple[Any, Any, list[Question]]) -> None:
    model, tokenizer, questions = asked
    model.train()
    readings(model, tokenizer, questions[:1], lambda *_: 0.0)
    assert model.training
    model.eval()
