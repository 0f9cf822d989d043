"""Tiny adapters that tests bring into service: random weights, large enough to change what is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from adapters import store
from adapters.attach import method_of
from adapters.card import BaseWeights, Card
from adapters.method import METHODS, read_options
from rag.context.prompt import template_hash
from rag.models.folder import resolve
from rag.settings import Settings


def tiny_settings(base: Path, home: Path, *, backend: str = "vllm", **serve: Any) -> Settings:
    """Settings for the tiny model in `base`, with a home of their own."""
    return Settings.model_validate(
        {
            "home": home,
            "models": {"hub": False},
            "threads": 1,
            "embed": {"backend": "hash"},
            "generate": {"backend": backend, "model": str(base), "retries": 1, "max_tokens": 8},
            "serve": {"max_model_len": 4096, **serve},
        }
    )


def make_adapter(name: str, settings: Settings, *, method: str = "lora", seed: int = 1, size: float = 0.15) -> Card:
    """A stored adapter of that method with random parameters, as large as `size`, and its card. `size` 0: it says what the base says."""
    import torch
    from transformers import AutoModelForCausalLM

    base = resolve(settings.generate.model, settings)
    tuning = METHODS.load(method)()
    torch.manual_seed(seed)
    bare: Any = AutoModelForCausalLM.from_pretrained(base.path)
    model = tuning.attach(bare, read_options(tuning, {}))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad and size:
                parameter.add_(torch.randn_like(parameter) * size)
    with store.written(name, settings.home) as folder:
        tuning.save(model, folder)
        card = Card(
            name=name,
            base=BaseWeights(model=base.name, revision=base.revision),
            method=method,
            routes=tuning.routes,
            template=template_hash(),
            sha256=store.weights_sha256(folder),
        )
        assert method_of(card).name == method
        card.write(folder)
    return card
