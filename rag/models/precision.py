"""In which precision this machine multiplies fastest: measured, as what a processor is able to and what it is quick at differ.

A CPU with AMX multiplies bfloat16 about twice as fast as float32. One with AVX512-BF16 alone can be twice as slow at it
(docs/log.md): its instructions say what it can do, not how fast the library does it. One without AVX-512 takes eight times as long.
"""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path
from typing import Any, Literal

import psutil

PROCESSOR = Path("/proc/cpuinfo")
HEADROOM = 1.3
PROGRAM_GB = 4.0
"""What a server of the default model took beside its weights and its cache: 7 GB in bfloat16, of them 2 of cache (docs/log.md)."""

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


def of_server(folder: Path) -> Literal["bfloat16", "float32"]:
    """What vLLM computes in on a CPU: float32 where bfloat16 is emulated (x86 without AVX-512) and half of the memory holds the weights.

    By the processor's flags, not by a measurement: the same every time, so that a server that runs is found again.
    """
    wide = 2 * bytes_in_bfloat16(folder) * HEADROOM < psutil.virtual_memory().total / 2
    return "float32" if emulates_bfloat16() and wide else "bfloat16"


def gigabytes_of_server(weights: float, kv_cache_gb: float, precision: Literal["bfloat16", "float32"]) -> float:
    """What a vLLM server takes on a CPU when it starts, at most. `weights`: gigabytes in bfloat16."""
    return weights * (2 if precision == "float32" else 1) + kv_cache_gb + PROGRAM_GB


def emulates_bfloat16() -> bool:
    """Whether this processor is x86 without AVX-512; False where that cannot be told."""
    known = flags()
    return "sse2" in known and "avx512f" not in known


def flags() -> frozenset[str]:
    """What the processor says it can do, by Linux's names; empty on other systems."""
    try:
        lines = PROCESSOR.read_text(encoding="utf-8").splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line.split() for line in lines if line.startswith(("flags", "Features"))), ()))


def fits_in_float32(folder: Path) -> bool:
    """Whether twice the size of the bfloat16 weights is free, with some headroom."""
    return 2 * bytes_in_bfloat16(folder) * HEADROOM < psutil.virtual_memory().available


def bytes_in_bfloat16(folder: Path) -> int:
    """Of the weights, as they lie on the disk."""
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))


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
