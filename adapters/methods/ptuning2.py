"""P-tuning v2: trained keys and values before the input in every layer, without a network (Liu et al. 2021, arXiv 2110.07602)."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from adapters.method import Model
from adapters.methods.peft_method import ADAPTER
from adapters.methods.virtual_tokens import VirtualTokenOptions, VirtualTokens


class PTuning2Options(VirtualTokenOptions):
    spread: float = Field(0.02, gt=0, description="Standard deviation of the fresh keys and values; peft's own 1 drowns the input.")


class PTuning2(VirtualTokens):
    """Prefix tuning without its network: the parameters are the keys and values themselves (tokens, layers x 2 x key size)."""

    name = "ptuning2"
    title = "P-tuning v2"
    Options = PTuning2Options
    learning_rate = 5e-3
    note = (
        "In-process only. A fresh prefix is not the base: even keys and values near zero take their share of the attention. "
        "Not together with gradient checkpointing."
    )
    kind = "PREFIX_TUNING"

    def config(self, model: Model, options: Any) -> Any:
        from peft import PrefixTuningConfig

        return PrefixTuningConfig(num_virtual_tokens=options.tokens, prefix_projection=False, task_type="CAUSAL_LM")

    def attach(self, model: Model, options: Any) -> Model:
        from torch import nn

        wrapped = super().attach(model, options)
        nn.init.normal_(wrapped.prompt_encoder[ADAPTER].embedding.weight, std=options.spread)
        return wrapped
