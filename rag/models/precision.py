"""In which precision this machine multiplies fastest: measured, as what a processor is able to and what it is quick at differ.

A CPU with AMX multiplies bfloat16 about twice as fast as float32. One with AVX512-BF16 alone can be twice as slow at it
(docs/log.md): its instructions say what it can do, not how fast the library does it.
"""

from __future__ import annotations

import time
from functools import cache
from typing import Any

SHAPE = (512, 896, 4864)
"""Tokens, inputs and outputs of the layer that is timed: the wide one of a model of 0.5 B."""
ROUNDS = 3
CLEARLY = 1.15
"""So many times as fast float32 must be: it needs twice the memory."""


def fastest(device: str) -> Any:
    """torch.bfloat16, or torch.float32 where that is clearly faster or the device knows no other. On a CPU it takes about 0.1 s, once."""
    import torch

    if device.startswith("cuda"):
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    if device != "cpu":
        return torch.float32
    return torch.float32 if _seconds(torch.bfloat16) > CLEARLY * _seconds(torch.float32) else torch.bfloat16


@cache
def _seconds(dtype: Any) -> float:
    """The fastest of a few products, after one that is not counted."""
    import torch

    tokens, inputs, outputs = SHAPE
    x, weight = torch.ones((tokens, inputs), dtype=dtype), torch.ones((outputs, inputs), dtype=dtype)
    took = []
    with torch.inference_mode():
        for _ in range(ROUNDS + 1):
            began = time.perf_counter()
            torch.nn.functional.linear(x, weight)
            took.append(time.perf_counter() - began)
    return min(took[1:])
