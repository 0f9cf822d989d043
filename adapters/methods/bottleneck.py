"""Bottleneck adapters: small networks between the base's blocks (Houlsby et al. 2019, 1902.00751; Pfeiffer et al. 2020, 2005.00247)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from adapters.method import Method, Model, Options, Route
from adapters.methods import files
from adapters.methods.layers import Block, block, dtype_of, last_layers
from rag.errors import ModelError

ATTRIBUTE = "bottleneck"
"""Where the network lives in the block whose output it changes."""
PLACES: dict[str, tuple[Block, ...]] = {"houlsby": ("attention", "mlp"), "pfeiffer": ("mlp",)}


class BottleneckOptions(Options):
    place: Literal["houlsby", "pfeiffer"] = Field("houlsby", description="After attention and MLP (houlsby), or after the MLP only.")
    size: int = Field(64, ge=1, description="Width of the bottleneck.")
    activation: Literal["gelu", "relu", "silu"] = Field("gelu", description="What stands between down and up.")
    layers: int = Field(0, ge=0, description="Only the last n decoder layers; 0 = all.")


class Bottleneck(Method):
    """y + Up f(Down y) on a block's output y (batch, length, hidden), before it is added to the stream; Up starts at zero."""

    name = "bottleneck"
    title = "Bottleneck adapters"
    routes: tuple[Route, ...] = ("in-process",)
    Options = BottleneckOptions
    learning_rate = 5e-4
    note = "In-process only: a network with a bend in it cannot be added to weights."

    def attach(self, model: Model, options: Any) -> Model:
        base, places = files.describe_base(model), PLACES[options.place]
        blocks = [block(layer, kind)[1] for _, layer in last_layers(model, options.layers) for kind in places]  # all, before any changes
        model.requires_grad_(False)
        for each in blocks:
            setattr(each, ATTRIBUTE, _network(model, options))
            each.register_forward_hook(_changed)
        model._atlas_bottleneck = options
        files.remember_base(model, base)
        return model

    def save(self, model: Model, folder: Path) -> None:
        config = {"method": self.name, "options": model._atlas_bottleneck.model_dump(), "base_model_name_or_path": files.plain_name(model)}
        files.write(model, folder, _tensors(model), config)

    def load(self, model: Model, folder: Path, *, trainable: bool = False) -> Model:
        config = files.read_own_config(folder, name=self.name)
        files.check_base(model, folder, name=self.name)
        found = files.read_tensors(folder / files.WEIGHTS)
        tuned = self.attach(model, self.Options.model_validate(config["options"]))
        try:
            files.check_tensors(found, _tensors(tuned), folder, name=self.name)
        except ModelError:
            _remove(tuned)
            raise
        tuned.load_state_dict(found, strict=False)
        return tuned if trainable else tuned.requires_grad_(False).eval()

    @contextmanager
    def disabled(self, model: Model) -> Iterator[None]:
        networks = [module for name, module in model.named_modules() if name.endswith(f".{ATTRIBUTE}")]
        for network in networks:
            network.enabled = False
        try:
            yield
        finally:
            for network in networks:
                network.enabled = True


def _network(model: Model, options: BottleneckOptions) -> Any:
    from torch import nn

    hidden = model.config.get_text_config().hidden_size
    activation = {"gelu": nn.GELU, "relu": nn.ReLU, "silu": nn.SiLU}[options.activation]
    up = nn.Linear(options.size, hidden)
    nn.init.zeros_(up.weight)
    nn.init.zeros_(up.bias)
    network: Any = nn.Sequential(nn.Linear(hidden, options.size), activation(), up).to(dtype_of(model)).to(model.device)
    network.enabled = True
    return network


def _changed(module: Any, inputs: Any, output: Any) -> Any:
    """The forward hook of a block: its network is found on the block itself, so that a copied model uses its own."""
    network = getattr(module, ATTRIBUTE)
    if not network.enabled:
        return output
    if isinstance(output, tuple):  # attention: (hidden states, attention weights)
        return (output[0] + network(output[0]), *output[1:])
    return output + network(output)


def _tensors(model: Model) -> dict[str, Any]:
    return {name: parameter for name, parameter in model.named_parameters() if f".{ATTRIBUTE}." in name}


def _remove(model: Model) -> None:
    for module in [module for module in model.modules() if hasattr(module, ATTRIBUTE)]:
        delattr(module, ATTRIBUTE)
        kept = {key: hook for key, hook in module._forward_hooks.items() if hook is not _changed}
        module._forward_hooks.clear()
        module._forward_hooks.update(kept)
