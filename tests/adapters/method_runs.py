"""A short training of each tuning method on the tiny model, made once and looked at by many tests."""

from __future__ import annotations

import atexit
import copy
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch

from adapters.method import METHODS, Method
from adapters.tiny import tiny_model

STEPS = 20
RATE = 1e-2
TOKENS = torch.randint(0, 256, (2, 12), generator=torch.Generator().manual_seed(1))
NAMES = [name for name in METHODS.names() if name != "qlora"]
"""qlora is not trained over the base that it is served over: it has laws of its own."""
ARCHITECTURES = ["qwen2", "llama"]


def method_of(name: str) -> Method:
    return METHODS.load(name)()


def options_of(name: str, **values: Any) -> Any:
    method = method_of(name)
    return method.scheduled(method.Options(**values), STEPS)


def logits(model: Any, skipped: int = 0) -> Any:
    """(2, 12, vocabulary) of the constant batch, without the positions that a prompt puts before it."""
    with torch.no_grad():
        return model(input_ids=TOKENS, attention_mask=torch.ones_like(TOKENS)).logits[:, skipped:]


def fresh(name: str, base: Any, **values: Any) -> Any:
    torch.manual_seed(0)
    return method_of(name).attach(base, options_of(name, **values)).eval()


def train(name: str, model: Any, steps: int = STEPS) -> list[float]:
    """AdamW on the constant batch, in place; the loss (without a method's penalty) before each step."""
    method = method_of(name)
    optimizer = torch.optim.AdamW([each for each in model.parameters() if each.requires_grad], lr=RATE)
    model.train()
    losses = []
    for step in range(1, steps + 1):
        said = model(input_ids=TOKENS, attention_mask=torch.ones_like(TOKENS)).logits[:, method.prepended(model) :].float()
        loss = torch.nn.functional.cross_entropy(said[:, :-1].flatten(0, 1), TOKENS[:, 1:].flatten())
        losses.append(loss.item())
        (loss + method.penalty(model)).backward()
        optimizer.step()
        method.stepped(model, step)
        optimizer.zero_grad()
    model.eval()
    return losses


@dataclass(frozen=True)
class Run:
    """`base`: what the bare model said; `values`: its parameters before, by name; `parameters`: the same objects after training."""

    method: Method
    model: Any
    base: Any
    first: Any
    after: Any
    losses: list[float]
    values: dict[str, Any]
    parameters: dict[str, Any]
    folder: Path


@cache
def run(name: str, architecture: Any) -> Run:
    method, base = method_of(name), tiny_model(architecture)
    said, parameters = logits(base), dict(base.named_parameters())
    values = {key: value.detach().clone() for key, value in parameters.items()}
    model = fresh(name, base)
    skipped = method.prepended(model)
    first = logits(model, skipped)
    losses = train(name, model)
    folder = Path(tempfile.mkdtemp(prefix=f"atlas-{name}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    method.save(model, folder)
    return Run(method, model, said, first, logits(model, skipped), losses, values, parameters, folder)


def loaded(done: Run, architecture: Any, *, trainable: bool = False) -> Any:
    return done.method.load(tiny_model(architecture), done.folder, trainable=trainable)


def without_module(model: Any, path: str) -> Any:
    changed = copy.deepcopy(model)
    changed.set_submodule(path, torch.nn.Identity())
    return changed
