"""Partial fine-tuning: the last decoder layers and, if wanted, the head; the rest stays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field, model_validator

from adapters.method import Model, Options
from adapters.methods.layers import last_layers
from adapters.methods.weights import WeightsMethod
from rag.errors import ModelError


class PartialOptions(Options):
    layers: int = Field(2, ge=0, description="The last n decoder layers; 0 = none of them (head only).")
    head: bool = Field(
        False, description="The output layer, too. Where it is tied to the input embeddings these are the same numbers and move with it."
    )

    @model_validator(mode="after")
    def _something_to_train(self) -> PartialOptions:
        if not self.layers and not self.head:
            raise ValueError("layers is 0 and head is false: nothing would be trained")
        return self


class Partial(WeightsMethod):
    name = "partial"
    title = "Partial fine-tuning"
    Options = PartialOptions
    learning_rate = 5e-5
    note = "The adapter is as large as the layers it holds; their original values are kept in memory beside it."

    def trained(self, model: Model, options: Any) -> Sequence[str]:
        names = [f"{name}.{child}" for name, layer in last_layers(model, options.layers) for child, _ in layer.named_parameters()]
        names = names if options.layers else []
        if options.head:
            head = model.get_output_embeddings()
            if head is None:
                raise ModelError(f"{type(model).__name__} has no output layer.", "Set head to false.")
            mine = {id(parameter) for parameter in head.parameters()}
            names += [name for name, parameter in model.named_parameters() if id(parameter) in mine]
        return names
