"""Validation: the held-back questions, answered by the model as it is being trained, and its loss on held-back examples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from adapters.data.tokens import Encoded
from adapters.method import Model
from adapters.train.batches import answer_loss, collate, moved
from adapters.train.bunches import single
from rag.qa import Pair

BATCH = 8
NEW_TOKENS = 40
"""An answer that is longer is cut: what is compared is short, and a model that does not stop is wrong anyway."""

Score = Callable[[Pair, str], float]
"""What an answer to a pair is worth, in [0, 1]."""


@dataclass(frozen=True, slots=True)
class Question:
    """A held-back pair with its prompt as it is served, in tokens."""

    pair: Pair
    prompt: tuple[int, ...]


def answers(model: Model, tokenizer: Any, questions: Sequence[Question], *, new_tokens: int = NEW_TOKENS) -> list[str]:
    """Greedy answers in the order of the questions; batches of similar length, padded on the left."""
    order = sorted(range(len(questions)), key=lambda number: len(questions[number].prompt))
    said = [""] * len(questions)
    training, device = model.training, next(model.parameters()).device
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    model.eval()
    try:
        for start in range(0, len(order), BATCH):
            part = order[start : start + BATCH]
            longest = max(len(questions[number].prompt) for number in part)
            ids = torch.full((len(part), longest), pad)
            mask = torch.zeros_like(ids)
            for row, number in enumerate(part):
                prompt = torch.tensor(questions[number].prompt)
                ids[row, longest - len(prompt) :], mask[row, longest - len(prompt) :] = prompt, 1
            with torch.inference_mode():
                output = model.generate(
                    input_ids=ids.to(device), attention_mask=mask.to(device), do_sample=False, max_new_tokens=new_tokens, pad_token_id=pad
                )
            for row, number in enumerate(part):
                said[number] = tokenizer.decode(output[row, longest:], skip_special_tokens=True).strip()
    finally:
        model.train(training)
    return said


def mean_scores(model: Model, tokenizer: Any, questions: Sequence[Question], score: Score) -> dict[str, float]:
    """Mean of the scores: `score` of all (0 without questions), `answered` of those with an answer, `refused` of those without one."""
    said = answers(model, tokenizer, questions)
    kinds: dict[str, list[float]] = {"score": [], "answered": [], "refused": []}
    for question, text in zip(questions, said, strict=True):
        worth = score(question.pair, text)
        kinds["score"].append(worth)
        kinds["answered" if question.pair.answerable else "refused"].append(worth)
    return {"score": 0.0, **{kind: sum(scores) / len(scores) for kind, scores in kinds.items() if scores}}


def mean_loss(model: Model, encoded: Sequence[Encoded], *, prepended: int = 0) -> float:
    """Cross entropy per answer token over held-back examples."""
    total, count, training, device = 0.0, 0, model.training, next(model.parameters()).device
    order = sorted(encoded, key=lambda each: len(each.ids))
    model.eval()
    try:
        with torch.inference_mode():
            for start in range(0, len(order), BATCH):
                batch = moved(collate([single(each) for each in order[start : start + BATCH]]), device)
                loss, tokens = answer_loss(model, batch, prepended=prepended)
                total, count = total + float(loss) * tokens, count + tokens
    finally:
        model.train(training)
    return total / count if count else 0.0
