"""The base model in this process, bare, for adapters to be put on; and the tokenizer that belongs to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rag.errors import ModelError
from rag.models.precision import fastest, fits_in_float32
from rag.models.quiet import quiet


def open_weights(folder: Path, *, exact: bool = False) -> tuple[Any, Any]:
    """(model, tokenizer) of a model folder, on the CPU: in what it is fastest at, or `exact` (float32), where memory suffices.

    Raises ModelError when the folder cannot be loaded.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    quiet()
    wanted = torch.float32 if exact else fastest("cpu")
    dtype = wanted if fits_in_float32(folder) else torch.bfloat16
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
    except (OSError, ValueError) as exc:
        raise ModelError(f"{folder} cannot be loaded: {str(exc).splitlines()[0]}", "Check it: atlas models verify") from exc
    return model.eval(), tokenizer
