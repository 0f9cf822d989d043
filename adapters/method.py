"""What a tuning method is: it attaches its parameters to a base model, and saves, loads, disables and merges them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from rag.errors import ModelError, SettingsError
from rag.registry import Part, Registry

Route = Literal["vllm", "merged", "in-process"]
"""How an adapter can be served: vllm = chosen per request in the base model's server; merged = its weights added to the base, as a
model of its own (vLLM or transformers); in-process = transformers and peft."""

Model = Any
"""A transformers causal language model, bare or wrapped by peft."""


class Options(BaseModel):
    """A method's own settings; every field has a description, unknown ones are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Method(Protocol):
    """One way of tuning. No state: everything is in the model, the options and the folder.

    New parameters have the base's dtype and are drawn from torch's global generator: seed it for the same adapter again.
    The base is changed in place: what `attach` and `load` return goes on where the model that was given ended.
    """

    name: str
    title: str
    routes: tuple[Route, ...]
    """Best first; "vllm" only where vLLM loads the saved folder as it is."""
    Options: type[Options]
    learning_rate: float
    """Where to start from; of the method's paper or common practice, for AdamW."""
    starts_as_base: bool = True
    """A fresh adapter says what the base says; where it cannot, `note` says why."""
    shares_prompts: bool = True
    """Whether several examples may stand in one row (adapters.train.bunches); not with tokens of its own before the input."""
    note: str = ""
    """What a user should know before choosing it; one sentence or two."""

    def attach(self, model: Model, options: Any) -> Model:
        """The model with fresh parameters (see `starts_as_base`); only those parameters require gradients.

        Raises ModelError when this base has nothing that the method could train, saying what it lacks.
        """
        ...

    def save(self, model: Model, folder: Path) -> None:
        """The trained parameters (safetensors) and their configuration (JSON); in peft's format where peft knows the method."""
        ...

    def load(self, model: Model, folder: Path, *, trainable: bool = False) -> Model:
        """The bare base `model` with the saved parameters. Raises ModelError listing every mismatch (names, shapes) at once."""
        ...

    def disabled(self, model: Model) -> AbstractContextManager[Any]:
        """While it is open the model answers as the base does."""
        ...

    def merge(self, model: Model) -> Model:
        """A bare model with the parameters added to its weights. Raises ModelError for methods without "merged" in `routes`."""
        raise ModelError(f"An adapter of the method '{self.name}' cannot be merged into the base's weights.", "Serve it in-process.")

    # What follows has a default that most methods keep.

    def served(self, model: Model, options: Any) -> tuple[Route, ...]:
        """`routes` for this base (bare; on the meta device will do) and these options: never more than `routes`."""
        return self.routes

    def scheduled(self, options: Any, steps: int) -> Any:
        """The options for a run of `steps` optimizer steps; ask before `attach`. Only AdaLoRA depends on it."""
        return options

    def penalty(self, model: Model) -> Any:
        """To be added to the loss (a scalar tensor, or 0.0) by a loop that computes its loss from the logits itself."""
        return 0.0

    def stepped(self, model: Model, step: int) -> None:
        """To be called after every optimizer step, the first is 1, while the gradients of that step are still there."""

    def prepended(self, model: Model) -> int:
        """How many positions the model puts before the input: the logits of input token i are at `prepended + i`."""
        return 0


METHODS: Registry[Method] = Registry(
    "tuning method",
    {
        "lora": Part("adapters.methods.lora:Lora"),
        "rslora": Part("adapters.methods.rslora:RsLora"),
        "dora": Part("adapters.methods.dora:Dora"),
        "qlora": Part("adapters.methods.qlora:QLora", extra="quantize"),
        "adalora": Part("adapters.methods.adalora:AdaLora"),
        "ia3": Part("adapters.methods.ia3:Ia3"),
        "bottleneck": Part("adapters.methods.bottleneck:Bottleneck"),
        "prefix": Part("adapters.methods.prefix:Prefix"),
        "prompt": Part("adapters.methods.prompt:Prompt"),
        "ptuning": Part("adapters.methods.ptuning:PTuning"),
        "ptuning2": Part("adapters.methods.ptuning2:PTuning2"),
        "bitfit": Part("adapters.methods.bitfit:BitFit"),
        "partial": Part("adapters.methods.partial:Partial"),
        "full": Part("adapters.methods.full:Full"),
    },
)


def read_options(method: Method, values: Mapping[str, Any]) -> Options:
    """The method's options with these values. Raises SettingsError listing every unknown name and every bad value."""
    try:
        return method.Options.model_validate(dict(values))
    except ValidationError as exc:
        raise SettingsError([_problem(method, error) for error in exc.errors()]) from exc


def _problem(method: Method, error: Any) -> str:
    option = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        known = ", ".join(method.Options.model_fields) or "it has none"
        return f"The method '{method.name}' has no option '{option}'. Its options: {known}."
    return f"{method.name}: {option} = {error['input']!r}: {error['msg']}."
