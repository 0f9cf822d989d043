"""How long a training will take and how much memory it needs, from two real steps on the real data."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil
import torch

from adapters.method import Method, Model
from adapters.train.batches import answer_loss, collate, moved
from adapters.train.bunches import Bunch

VALIDATION_SHARE = 0.15
"""Time for validations on top of the steps, as seen with the default settings."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """`tokens` as computed, a prompt that examples share counted once; `seconds` of the whole training; `gigabytes` at most in this
    process; `parameters` that are trained."""

    examples: int
    tokens: int
    steps: int
    parameters: int
    tokens_per_second: float
    seconds: float
    gigabytes: float


def estimate(model: Model, method: Method, rows: Sequence[Bunch], *, batch: int, epochs: float) -> Estimate:
    """Two steps on rows of middle length, one on the longest. The parameters keep their values."""
    order = sorted(rows, key=len)
    middle = order[len(order) // 2 : len(order) // 2 + batch] or order[-batch:]
    _step(model, method, middle)
    began = time.perf_counter()
    _step(model, method, middle)
    rate = sum(len(each) for each in middle) / (time.perf_counter() - began)
    before = _resident()
    _step(model, method, order[-batch:])
    trainable = sum(value.numel() for value in model.parameters() if value.requires_grad)
    model.zero_grad()
    tokens = sum(len(each) for each in rows)
    states = 12 * trainable / 1e9  # gradient and the two moments of AdamW, in float32
    return Estimate(
        examples=sum(len(each.branches) for each in rows),
        tokens=tokens,
        steps=max(1, round(epochs * len(rows) / batch)),
        parameters=trainable,
        tokens_per_second=rate,
        seconds=epochs * tokens / rate * (1 + VALIDATION_SHARE),
        gigabytes=max(before, _resident()) + states,
    )


def _step(model: Model, method: Method, rows: Sequence[Bunch]) -> None:
    device = next(model.parameters()).device
    batch = moved(collate(rows), device)
    model.train()
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=next(model.parameters()).dtype == torch.bfloat16):
        loss, _ = answer_loss(model, batch, prepended=method.prepended(model))
    loss.backward()


def _resident() -> float:
    """Gigabytes: of the GPU where the model is there, else of this process."""
    if torch.cuda.is_available():
        return float(torch.cuda.max_memory_allocated()) / 1e9
    return float(psutil.Process().memory_info().rss) / 1e9
