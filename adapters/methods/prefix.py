"""Prefix tuning: trained keys and values before the input in every layer, made by a network (Li and Liang 2021, arXiv 2101.00190)."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from adapters.method import Model
from adapters.methods.virtual_tokens import VirtualTokenOptions, VirtualTokens


class PrefixOptions(VirtualTokenOptions):
    network: bool = Field(True, description="Make the prefix by a two-layer network (it trains more steadily); it is not needed to serve.")
    hidden: int = Field(0, ge=0, description="Width of that network; 0 = as wide as a layer's keys.")


class Prefix(VirtualTokens):
    """Keys and values (layers, 2, tokens, key heads, head size) = W2 tanh(W1 e + b1) + b2; W2 and b2 start at zero."""

    name = "prefix"
    title = "Prefix tuning"
    Options = PrefixOptions
    learning_rate = 1e-3
    note = (
        "In-process only. A fresh prefix is not the base: even keys and values of zero take their share of the attention. "
        "Not together with gradient checkpointing."
    )
    kind = "PREFIX_TUNING"

    def config(self, model: Model, options: Any) -> Any:
        from peft import PrefixTuningConfig

        return PrefixTuningConfig(
            num_virtual_tokens=options.tokens,
            prefix_projection=options.network,
            init_weights="zero" if options.network else None,  # without the network all tokens would stay alike
            task_type="CAUSAL_LM",
            **({"encoder_hidden_size": options.hidden} if options.hidden else {}),
        )
