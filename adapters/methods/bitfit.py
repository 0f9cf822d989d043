"""BitFit: only the bias terms are trained (Ben Zaken et al. 2021, arXiv 2106.10199)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from adapters.method import Model, Options, Route
from adapters.methods.layers import linears
from adapters.methods.weights import WeightsMethod
from rag.errors import ModelError

FLAGS = ("attention_bias", "mlp_bias")
"""Configuration fields by which an architecture says that its linear modules have biases."""


class BitFitOptions(Options):
    add: Literal["auto", "all", "never"] = Field(
        "auto",
        description="Zero biases for the layers' linear modules that have none: auto = only where the base has no bias at all.",
    )


class BitFit(WeightsMethod):
    """Biases that were added are named in the saved configuration (`added`).

    With them the adapter can be merged only where the architecture's configuration can say that they are there.
    """

    name = "bitfit"
    title = "BitFit"
    Options = BitFitOptions
    learning_rate = 1e-3
    note = (
        "A base without biases gets some (zero at first); where its architecture has no place for them (Qwen2's other modules) "
        "the adapter is served in-process only."
    )

    def trained(self, model: Model, options: Any) -> Sequence[str]:
        names = [name for name, _ in model.named_parameters() if name.rpartition(".")[2] == "bias"]
        if not names and options.add == "never":
            raise ModelError("The base has no bias terms, and add = never.", "Set add to auto.")
        return names

    def missing_biases(self, model: Model, options: Any) -> Sequence[str]:
        if options.add == "never" or (options.add == "auto" and self.trained(model, options)):
            return ()
        return [f"{name}.bias" for name, linear in linears(model).items() if linear.bias is None]

    def served(self, model: Model, options: Any) -> tuple[Route, ...]:
        added = self.missing_biases(model, options)
        return self.routes if not added or _with_biases(model, added) is not None else ("in-process",)

    def merge(self, model: Model) -> Model:
        added = model._atlas_tuned.added
        if added:
            config = _with_biases(model, ())
            if config is None:
                raise ModelError(
                    f"{type(model).__name__} has no place for the {len(added)} biases that BitFit added, so it cannot be merged.",
                    "Serve it in-process.",
                )
            for flag in FLAGS:
                if hasattr(config, flag):
                    setattr(model.config, flag, getattr(config, flag))
        return super().merge(model)


def _with_biases(model: Model, added: Sequence[str]) -> Any | None:
    """The configuration from which the architecture builds this model with the biases `added` to it; None: there is none."""
    import torch

    config = copy.deepcopy(model.config)
    for flag in FLAGS:
        if hasattr(config, flag):
            setattr(config, flag, True)
    with torch.device("meta"):
        built = type(model)(config)
    same = {name for name, _ in built.named_parameters()} == {name for name, _ in model.named_parameters()} | {*added}
    return config if same else None
