"""Validation: the held-back questions, answered by the model as it is being trained, and its loss on held-back examples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from adapters.data.target import refusal
from adapters.data.tokens import Encoded
from adapters.method import Model
from adapters.train.batches import answer_loss, collate, moved
from adapters.train.bunches import single
from adapters.train.memory import give_back
from adapters.train.refusals import Reading, first_tokens
from rag.context.prompt import prompt_language
from rag.progress import Progress, silent
from rag.qa import Pair

BATCH = 8
STAGE = "answering held-back questions"
NEW_TOKENS = 40
"""An answer that is longer is cut: what is compared is short, and a model that does not stop is wrong anyway."""

Score = Callable[[Pair, str], float]
"""What an answer to a pair is worth, in [0, 1]."""


@dataclass(frozen=True, slots=True)
class Judge:
    """`score` judges one answer; `noted` hears, after each validation, what every answer was worth: pair id -> worth, in [0, 1]."""

    score: Score
    noted: Callable[[Mapping[str, float]], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Question:
    """A held-back pair with its prompt as it is served, in tokens."""

    pair: Pair
    prompt: tuple[int, ...]


def readings(model: Model, tokenizer: Any, questions: Sequence[Question], score: Score, *, progress: Progress = silent) -> list[Reading]:
    """What the model says to each question, in their order: how near it is to refusing, and what it answers otherwise (greedy).

    Batches of similar length, padded on the left.
    """
    order = sorted(range(len(questions)), key=lambda number: len(questions[number].prompt))
    found: dict[int, Reading] = {}
    training, device = model.training, next(model.parameters()).device
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    refusing = first_tokens(tokenizer)
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
            held = Held(torch.tensor([refusing[prompt_language(questions[number].pair.question)] for number in part]), longest)
            with torch.inference_mode():
                output = model.generate(
                    input_ids=ids.to(device),
                    attention_mask=mask.to(device),
                    do_sample=False,
                    max_new_tokens=NEW_TOKENS,
                    pad_token_id=pad,
                    logits_processor=[held],
                )
            for row, number in enumerate(part):
                pair, text = questions[number].pair, tokenizer.decode(output[row, longest:], skip_special_tokens=True).strip()
                found[number] = Reading(pair.id, pair.answerable, held.margins[row], score(pair, text), score(pair, refusal(pair.question)))
            give_back()
            progress(STAGE, len(found), len(order))
    finally:
        model.train(training)
    return [found[number] for number in range(len(questions))]


class Held:
    """Keeps a batch from refusing, and notes how near to it each row was. `tokens` (rows,): where its refusal would begin."""

    def __init__(self, tokens: Any, length: int) -> None:
        self._tokens, self._length = tokens, length
        self.margins: list[float] = []

    def __call__(self, ids: Any, scores: Any) -> Any:
        """Changes the scores (rows, vocabulary) of the first token after prompts of `length` tokens."""
        if ids.shape[1] != self._length:
            return scores
        tokens = self._tokens.to(scores.device)[:, None]
        refusing = scores.gather(1, tokens)
        others = scores.scatter(1, tokens, -torch.inf)
        self.margins = (refusing - others.max(dim=1, keepdim=True).values)[:, 0].float().tolist()
        return others


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
