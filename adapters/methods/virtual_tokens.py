"""What the methods that train virtual tokens have in common (prefix, prompt and P-tuning): they are not in the base's weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from adapters.method import Model, Options, Route
from adapters.methods import files
from adapters.methods.peft_method import ADAPTER, PeftMethod

ENCODER = "encoder.safetensors"
"""The network that makes the virtual tokens. Serving needs only what it made; training on needs the network."""
SIZES = ("num_layers", "token_dim", "num_attention_heads")


class VirtualTokenOptions(Options):
    tokens: int = Field(20, ge=1, description="Virtual tokens before the input; each takes a place of the context.")


class VirtualTokens(PeftMethod):
    """Attention goes to virtual tokens from the start, so a fresh adapter never is the base."""

    routes: tuple[Route, ...] = ("in-process",)
    starts_as_base = False
    shares_prompts = False

    def save(self, model: Model, folder: Path) -> None:
        super().save(model, folder)
        if not model.peft_config[ADAPTER].inference_mode:
            files.write_tensors(folder / ENCODER, model.prompt_encoder[ADAPTER].state_dict())

    def load(self, model: Model, folder: Path, *, trainable: bool = False) -> Model:
        if not trainable:
            return super().load(model, folder)
        config, base = self.read(folder), files.describe_base(model)
        files.check_base(model, folder, name=self.name)
        found = files.read_tensors(folder / ENCODER)
        wrapped = self._wrapped(model, config, base)
        encoder = wrapped.prompt_encoder[ADAPTER]
        files.check_tensors(found, encoder.state_dict(), folder, name=self.name)
        encoder.load_state_dict(found)
        return wrapped

    def mismatches(self, model: Model, found: Mapping[str, Any], folder: Path) -> list[str]:
        """The sizes, too: 2 layers of keys 24 wide make a prefix of the same shape as 3 layers of keys 16 wide."""
        there, here = files.read_config(folder), model.peft_config[ADAPTER]
        sizes = [
            f"{size} is {there[size]} there, {getattr(here, size)} here"
            for size in SIZES
            if there.get(size) not in (None, getattr(here, size))
        ]
        return sizes + super().mismatches(model, found, folder)

    def read(self, folder: Path) -> Any:
        """peft would build what was saved on any base: the sizes are asked of this one again, so that a wrong one is noticed."""
        config = super().read(folder)
        for size in SIZES:
            setattr(config, size, None)
        config.inference_mode = False
        return config
