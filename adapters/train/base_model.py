"""The base model as a training opens it: its tokenizer, the precision it computes in, and what is trained on it."""

from __future__ import annotations

from typing import Any

import psutil

from adapters.train import request as requests
from adapters.train.plan import Plan
from rag.models.quiet import quiet
from rag.settings import Settings

ROOM = 12
"""So many times the size of the base in bfloat16 must be free for a training in float32, its activations included."""
TIGHT = 6
"""The same where bfloat16 is emulated: an eighth of the speed is too high a price for half of the memory."""


def tokenizer_of(planned: Plan) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(planned.base.path)


def dtype_of(settings: Settings, planned: Plan) -> str:
    """What the base computes in: what this machine is fastest at and has room for; a training that goes on stays at what it began with."""
    import torch

    from rag.models.precision import bytes_in_bfloat16, emulates_bfloat16, fastest

    if begun := requests.dtype_of(settings.home, planned.name):
        return begun
    torch.set_num_threads(settings.cpu_threads)
    chosen = fastest("cuda" if torch.cuda.is_available() else "cpu")
    room = psutil.virtual_memory().available > (TIGHT if emulates_bfloat16() else ROOM) * bytes_in_bfloat16(planned.base.path)
    return str(chosen if room else torch.bfloat16).removeprefix("torch.")


def opened(settings: Settings, planned: Plan, *, steps: int) -> Any:
    """The base with fresh parameters, those in float32 in any case: small steps would be lost in bfloat16."""
    import torch
    from transformers import AutoModelForCausalLM

    quiet()
    torch.set_num_threads(settings.cpu_threads)
    torch.manual_seed(settings.train.seed)
    base = AutoModelForCausalLM.from_pretrained(planned.base.path, dtype=getattr(torch, dtype_of(settings, planned)))
    model = planned.method.attach(base, planned.method.scheduled(planned.options, steps))
    for value in model.parameters():
        if value.requires_grad:
            value.data = value.data.float()
    return model.to("cuda" if torch.cuda.is_available() else "cpu")
