"""Full fine-tuning: every parameter of the base is trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from adapters.method import Model, Options
from adapters.methods.weights import WeightsMethod


class FullOptions(Options):
    embeddings: bool = Field(True, description="Train the input embeddings, too (and the head, where it is tied to them).")


class Full(WeightsMethod):
    """What is saved is as large as the base; beside what is trained, memory holds a copy of the base for `disabled`."""

    name = "full"
    title = "Full fine-tuning"
    Options = FullOptions
    learning_rate = 1e-5
    note = "The adapter is a whole model: as large as the base on disk, and the base is kept in memory beside it while it trains."

    def trained(self, model: Model, options: Any) -> Sequence[str]:
        frozen = set() if options.embeddings else {id(parameter) for parameter in model.get_input_embeddings().parameters()}
        return [name for name, parameter in model.named_parameters() if id(parameter) not in frozen]
