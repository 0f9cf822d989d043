"""LoRA: a low-rank update B A beside each weight matrix (Hu et al. 2021, arXiv 2106.09685)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from adapters.method import Model, Options, Route
from adapters.methods.layers import last_layers, layer_count, target_names
from adapters.methods.peft_method import PeftMethod


class LowRankOptions(Options):
    """What LoRA's relatives share."""

    alpha: int = Field(32, ge=1, description="The update is scaled by alpha / r (rsLoRA: alpha / sqrt(r)).")
    dropout: float = Field(0.0, ge=0, lt=1, description="Share of the update's inputs dropped in training.")
    targets: Literal["all", "attention"] | tuple[str, ...] = Field(
        "all", description='Linear modules of the decoder layers: "all", those of the "attention", or names such as ["q_proj", "v_proj"].'
    )
    layers: int = Field(0, ge=0, description="Only the last n decoder layers; 0 = all.")


class LoraOptions(LowRankOptions):
    r: int = Field(16, ge=1, description="Rank of the update.")


class Lora(PeftMethod):
    """W x + (alpha / r) B A x; A (r, in) random, B (out, r) zero, so that a fresh adapter is the base."""

    name = "lora"
    title = "LoRA"
    routes: tuple[Route, ...] = ("vllm", "merged", "in-process")
    Options = LoraOptions
    learning_rate = 6e-4
    kind = "LORA"
    extra: ClassVar[Mapping[str, Any]] = {}
    """Further fields of peft's LoraConfig."""

    def config(self, model: Model, options: Any) -> Any:
        from peft import LoraConfig

        return LoraConfig(r=options.r, **self.extra, **low_rank(model, options))


def low_rank(model: Model, options: LowRankOptions) -> dict[str, Any]:
    """The fields of peft's configuration that LoRA's relatives share. Raises ModelError for modules or layers that are not there."""
    count = layer_count(model)
    last_layers(model, options.layers)
    return {
        "lora_alpha": options.alpha,
        "lora_dropout": options.dropout,
        "target_modules": target_names(model, options.targets),
        "layers_to_transform": list(range(count - options.layers, count)) if options.layers else None,
        "task_type": "CAUSAL_LM",
    }
