"""The base model in this process, bare, for adapters to be put on; and the tokenizer that belongs to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil

from rag.errors import ModelError

HEADROOM = 1.3


def open_weights(folder: Path, *, exact: bool = False) -> tuple[Any, Any]:
    """(model, tokenizer) of a model folder, in bfloat16, on the CPU; with `exact` in float32 where the memory suffices.

    Raises ModelError when the folder cannot be loaded.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    dtype = torch.float32 if exact and fits_in_float32(folder) else torch.bfloat16
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
    except (OSError, ValueError) as exc:
        raise ModelError(f"{folder} cannot be loaded: {str(exc).splitlines()[0]}", "Check it: atlas models verify") from exc
    return model.eval(), tokenizer


def fits_in_float32(folder: Path) -> bool:
    """Whether twice the size of the bfloat16 weights is free, with some headroom."""
    return 2 * bytes_in_bfloat16(folder) * HEADROOM < psutil.virtual_memory().available


def bytes_in_bfloat16(folder: Path) -> int:
    """Of the weights, as they lie on the disk."""
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))
