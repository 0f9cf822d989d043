"""DoRA: LoRA on the direction of each weight, with a trained magnitude per output (Liu et al. 2024, arXiv 2402.09353)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from adapters.method import Route
from adapters.methods.lora import Lora


class Dora(Lora):
    """m (W + s B A) / ||W + s B A||, norms per output row; m starts as ||W||, so that a fresh adapter is the base but for rounding."""

    name = "dora"
    title = "DoRA"
    routes: tuple[Route, ...] = ("merged", "in-process")
    note = "Slower to train than LoRA: the norm of every adapted weight is computed in each step. vLLM serves it merged only."
    extra: ClassVar[Mapping[str, Any]] = {"use_dora": True}
