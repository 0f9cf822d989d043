"""P-tuning (v1): embeddings before the input, made by a trained network (Liu et al. 2021, arXiv 2103.10385)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from adapters.method import Model
from adapters.methods.peft_method import ADAPTER
from adapters.methods.virtual_tokens import VirtualTokenOptions, VirtualTokens


class PTuningOptions(VirtualTokenOptions):
    network: Literal["mlp", "lstm"] = Field("mlp", description="What makes the embeddings: three linear layers, or a two-way LSTM and two.")
    hidden: int = Field(0, ge=0, description="Width of that network; 0 = the base's hidden size.")
    dropout: float = Field(0.0, ge=0, lt=1, description="network lstm: dropout between its two layers.")


class PTuning(VirtualTokens):
    """(tokens, hidden size) embeddings through a network that is not needed to serve what it made."""

    name = "ptuning"
    title = "P-tuning"
    Options = PTuningOptions
    learning_rate = 1e-3
    note = "In-process only. A fresh prompt is not the base: the virtual tokens are read like words before the input."
    kind = "P_TUNING"

    def config(self, model: Model, options: Any) -> Any:
        from peft import PromptEncoderConfig

        return PromptEncoderConfig(
            num_virtual_tokens=options.tokens,
            encoder_reparameterization_type=options.network.upper(),
            encoder_dropout=options.dropout if options.network == "lstm" else 0.0,
            task_type="CAUSAL_LM",
            **({"encoder_hidden_size": options.hidden} if options.hidden else {}),
        )

    def prepended(self, model: Model) -> int:
        return int(model.peft_config[ADAPTER].num_virtual_tokens)
