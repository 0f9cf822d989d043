"""How long a training will take and how much memory it needs, from a few real steps and answers on the real data."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil
import torch

from adapters.method import Method, Model
from adapters.train.arguments import steps_of
from adapters.train.batches import answer_loss, collate, moved
from adapters.train.bunches import Bunch
from adapters.train.material import Data
from adapters.train.validate import mean_loss, readings
from rag.settings import Train

ANSWERED = 2
"""Held-back questions that are answered for the measurement."""
SLOWER = 1.3
"""Seconds of a step of a real training against these: its optimizer, and memory given back (docs/log.md)."""
SLOWEST = 1e10
"""Operations a second that every machine reaches: what is short even at that rate needs no measurement."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a training will do. `tokens` as computed, a prompt that examples share counted once; `gigabytes` at most in this process;
    `parameters` that are trained; `seconds` with its validations, within train.minutes; `whole_seconds` and `whole_steps` without that
    limit."""

    examples: int
    tokens: int
    steps: int
    parameters: int
    tokens_per_second: float
    seconds: float
    gigabytes: float
    whole_steps: int
    whole_seconds: float


def estimate(model: Model, method: Method, data: Data, train: Train) -> tuple[Estimate, Train]:
    """The estimate and the settings as train.minutes leaves them: see `within`. The parameters keep their values.

    Three steps on rows of middle length: the first is not counted, and of the others the faster one is, as only other work of the
    machine makes one slower. One step on the longest rows, and a few held-back questions.
    """
    rows, batch = data.rows, data.batch
    order = sorted(rows, key=len)
    middle = order[len(order) // 2 : len(order) // 2 + batch] or order[-batch:]
    _, *took = [_step(model, method, middle) for _ in range(3)]
    rate = sum(len(each) for each in middle) / min(took)
    before = _resident()
    _step(model, method, order[-batch:])
    trainable = sum(value.numel() for value in model.parameters() if value.requires_grad)
    model.zero_grad()
    tokens = sum(len(each) for each in rows)
    states = 12 * trainable / 1e9  # gradient and the two moments of AdamW, in float32
    steps, validation = steps_of(train, len(rows), batch), _validation_seconds(model, method, data)
    step = SLOWER * train.epochs * tokens / rate / steps
    left = within(train, steps=steps, step=step, validation=validation)
    taken = steps_of(left, len(rows), batch)
    found = Estimate(
        examples=sum(len(each.branches) for each in rows),
        tokens=tokens,
        steps=taken,
        parameters=trainable,
        tokens_per_second=rate,
        seconds=taken * step + left.validations * validation,
        gigabytes=max(before, _resident()) + states,
        whole_steps=steps,
        whole_seconds=steps * step + train.validations * validation,
    )
    return found, left


def within(train: Train, *, steps: int, step: float, validation: float) -> Train:
    """The settings with as many epochs as train.minutes leaves time for, at least one step; unchanged where all fits or it is 0.

    `step`, `validation`: seconds that one takes. A training that is cut is validated once, at its end: it is less than it was meant
    to be anyway, so no earlier state of it will be the best, and a slow machine pays minutes for each validation.
    """
    limit = 60 * train.minutes
    if not limit or steps * step + train.validations * validation <= limit:
        return train
    fitting = min(steps, max(1, int((limit - validation) / step)))
    return train.model_copy(update={"epochs": train.epochs * fitting / steps, "validations": 1})


def surely_short(train: Train, data: Data, parameters: int) -> bool:
    """Whether it fits into train.minutes on any machine, so that nothing has to be measured. `parameters` of the base."""
    learned = 6 * train.epochs * sum(len(row) for row in data.rows)  # forward and backward, two operations a weight and token each
    answered = 4 * train.validations * sum(len(question.prompt) for question in data.questions)
    return not train.minutes or parameters * (learned + answered) / SLOWEST < 60 * train.minutes


def _validation_seconds(model: Model, method: Method, data: Data) -> float:
    asked = sorted(data.questions, key=lambda question: len(question.prompt))
    held = sorted(data.held, key=lambda each: len(each.ids))
    some = asked[len(asked) // 2 :][:ANSWERED]
    if not some:
        return 0.0
    began = time.perf_counter()
    readings(model, data.tokenizer, some, lambda pair, text: 0.0)
    answered = time.perf_counter()
    mean_loss(model, held[len(held) // 2 :][:1], prepended=method.prepended(model))
    return len(asked) * (answered - began) / len(some) + len(held) * (time.perf_counter() - answered)


def _step(model: Model, method: Method, rows: Sequence[Bunch]) -> float:
    """Seconds of a step forward and back."""
    began = time.perf_counter()
    device = next(model.parameters()).device
    batch = moved(collate(rows), device)
    model.train()
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=next(model.parameters()).dtype == torch.bfloat16):
        loss, _ = answer_loss(model, batch, prepended=method.prepended(model))
    loss.backward()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def _resident() -> float:
    """Gigabytes: of the GPU where the model is there, else of this process."""
    if torch.cuda.is_available():
        return float(torch.cuda.max_memory_allocated()) / 1e9
    return float(psutil.Process().memory_info().rss) / 1e9
