"""The parts of a decoder that methods attach to: its layers, their attention and MLP blocks, and the linear modules in them."""

from __future__ import annotations

from typing import Any, Literal

from adapters.method import Model
from rag.errors import ModelError

Block = Literal["attention", "mlp"]
WORDS: dict[Block, tuple[str, ...]] = {"attention": ("attention", "attn"), "mlp": ("mlp", "feedforward", "feed_forward", "moe")}
"""What the class or the attribute of a block is called across architectures."""


def layer_count(model: Model) -> int:
    return int(model.config.get_text_config().num_hidden_layers)


def decoder_layers(model: Model) -> list[tuple[str, Any]]:
    """(name, module) of every decoder layer, first to last. Raises ModelError when they are not found."""
    from torch import nn

    count = layer_count(model)
    for name, module in model.named_modules():
        if isinstance(module, nn.ModuleList) and len(module) == count:
            return [(f"{name}.{index}", layer) for index, layer in enumerate(module)]
    raise ModelError(f"{type(model).__name__} has no list of its {count} decoder layers.", "Choose another method or base model.")


def last_layers(model: Model, count: int) -> list[tuple[str, Any]]:
    """The last `count` decoder layers, all for 0. Raises ModelError when the base has fewer."""
    layers = decoder_layers(model)
    if count > len(layers):
        raise ModelError(f"The base has {len(layers)} layers, not {count}.", f"Set layers to {len(layers)} or less, 0 for all.")
    return layers[-count:] if count else layers


def block(layer: Any, kind: Block) -> tuple[str, Any]:
    """(name in the layer, module) of its attention or MLP. Raises ModelError when the layer has none."""
    for name, child in layer.named_children():
        if any(word in name.lower() or word in type(child).__name__.lower() for word in WORDS[kind]) and "norm" not in name.lower():
            return name, child
    names = ", ".join(name for name, _ in layer.named_children())
    raise ModelError(f"{type(layer).__name__} has no {kind} block, only: {names}.", "Choose another method or base model.")


def linears(model: Model, where: Literal["all", "attention"] = "all") -> dict[str, Any]:
    """Full name -> linear module, inside the decoder layers. Raises ModelError when there are none."""
    from torch import nn

    found: dict[str, Any] = {}
    for name, layer in decoder_layers(model):
        inside, prefix = (layer, name) if where == "all" else (block(layer, "attention")[1], f"{name}.{block(layer, 'attention')[0]}")
        found |= {f"{prefix}.{child}": module for child, module in inside.named_modules() if isinstance(module, nn.Linear)}
    if not found:
        raise ModelError(f"{type(model).__name__} has no linear modules in its decoder layers.", "Choose another method or base model.")
    return found


def target_names(model: Model, targets: str | tuple[str, ...]) -> list[str]:
    """Last name components of the linear modules meant by 'all', 'attention' or the names themselves, sorted.

    Raises ModelError naming every module that the base does not have.
    """
    if targets == "all" or targets == "attention":
        return sorted({name.rpartition(".")[2] for name in linears(model, "attention" if targets == "attention" else "all")})
    known = {name.rpartition(".")[2] for name in linears(model)}
    missing = [name for name in targets if name not in known]
    if missing or not targets:
        raise ModelError(
            f"The base has no linear modules called {', '.join(missing) or '(none given)'}.", f"Choose from: {', '.join(sorted(known))}."
        )
    return sorted(targets)


def dtype_of(model: Model) -> Any:
    """The dtype in which the base computes (its embeddings', as linear weights may be quantised)."""
    return model.get_input_embeddings().weight.dtype
