"""What a validation says of the held-back questions."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.train import validate
from adapters.train.validate import Question, mean_scores
from rag.qa import Pair


def test_answers_and_refusals_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [Pair("a", "a?", answers=("one",)), Pair("b", "b?", answers=("two",)), Pair("c", "c?", answerable=False)]
    said = {"a": 1.0, "b": 0.5, "c": 0.0}
    monkeypatch.setattr(validate, "answers", lambda *_: list(said))
    nothing: Any = None

    def score(pair: Pair, text: str) -> float:
        assert pair.id == text  # each answer is compared with its own pair
        return said[text]

    questions = [Question(pair, ()) for pair in pairs]
    assert mean_scores(nothing, nothing, questions, score) == {"score": 0.5, "answered": 0.75, "refused": 0.0}
    monkeypatch.setattr(validate, "answers", lambda *_: ["a"])
    assert mean_scores(nothing, nothing, questions[:1], score) == {"score": 1.0, "answered": 1.0}
    monkeypatch.setattr(validate, "answers", lambda *_: [])
    assert mean_scores(nothing, nothing, [], score) == {"score": 0.0}
