"""The reference of the proof of identity: read at the end of a training, it is what the stored adapter says when it is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adapters import canary, said, store
from adapters.card import BaseWeights, Card, Reference
from adapters.method import METHODS, Method, read_options
from adapters.store import Stored
from adapters.tiny import save_tiny
from adapters.weights import open_weights
from rag.context.prompt import template_hash
from rag.generate.routes import Route
from rag.models.folder import resolve
from rag.settings import Settings
from tests.adapters.made import tiny_settings


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("canary") / "base")


def trained(settings: Settings, method: Method) -> tuple[Any, Any]:
    """A model as it stands at the end of a training, and its tokenizer."""
    import torch

    model, tokenizer = open_weights(resolve(settings.generate.model, settings).path)
    torch.manual_seed(3)
    tuned = method.attach(model, read_options(method, {})).train()
    with torch.no_grad():
        for parameter in tuned.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.15)
    return tuned, tokenizer


def stored(settings: Settings, method: Method, model: Any, found: Reference | None) -> Stored:
    with store.written("mine", settings.home) as folder:
        method.save(model, folder)
        Card(
            name="mine",
            base=BaseWeights(model="base", revision=resolve(settings.generate.model, settings).revision),
            method=method.name,
            routes=method.routes,
            template=template_hash(),
            sha256=store.weights_sha256(folder),
            canary=found,
        ).write(folder)
    return store.find("mine", settings.home)


@pytest.mark.parametrize("name", ["lora", "prefix", "bottleneck", "partial"])
def test_the_reference_of_a_training_is_what_the_loaded_adapter_says(base: Path, tmp_path: Path, name: str) -> None:
    settings, method = tiny_settings(base, tmp_path / "home"), METHODS.load(name)()
    model, tokenizer = trained(settings, method)
    found = canary.of_trained(model, method, tokenizer)
    assert found is not None and model.training
    apart = said.compare(found.base, found.adapter).mean
    computed = canary.reference(stored(settings, method, model, None), settings)
    assert said.compare(found.adapter, computed.adapter).mean < 0.02 < 0.05 < apart and said.compare(found.base, computed.base).mean < 0.02


def test_with_the_reference_in_the_card_a_proof_opens_no_weights(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, method = tiny_settings(base, tmp_path / "home"), METHODS.load("lora")()
    model, tokenizer = trained(settings, method)
    found = canary.of_trained(model, method, tokenizer)
    assert found is not None
    mine = stored(settings, method, model, found)

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("weights were opened")

    monkeypatch.setattr(canary, "open_weights", refuse)
    assert canary.reference(mine, settings) == found
    heard = {"right": (found.base, found.adapter), "base twice": (found.base, found.base), "adapter twice": (found.adapter, found.adapter)}
    for what, both in heard.items():
        monkeypatch.setattr(canary, "_heard", lambda *_, both=both: both)
        report = canary.prove(Route("mine", "vllm", "mine", mine.sha256, settings.generate.model), settings)
        assert report.proven == (what == "right"), report


def test_a_reference_to_other_prompts_is_computed_anew(base: Path, tmp_path: Path) -> None:
    settings, method = tiny_settings(base, tmp_path / "home"), METHODS.load("lora")()
    model, tokenizer = trained(settings, method)
    found = canary.of_trained(model, method, tokenizer)
    assert found is not None
    old = found.model_copy(update={"prompts": "others", "adapter": found.base})
    assert said.compare(canary.reference(stored(settings, method, model, old), settings).adapter, found.adapter).mean < 0.02


def test_an_adapter_over_a_base_in_four_bits_has_no_reference_yet(base: Path, tmp_path: Path) -> None:
    settings, method = tiny_settings(base, tmp_path / "home"), METHODS.load("lora")()
    model, tokenizer = trained(settings, method)
    model.get_base_model().is_loaded_in_4bit = True
    assert canary.of_trained(model, method, tokenizer) is None
