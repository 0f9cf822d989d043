"""The adapters that come with Atlas are what their cards say, and fit the prompts and the catalogue of this version."""

from __future__ import annotations

import pytest

from adapters import store
from adapters.attach import method_of
from adapters.card import Card
from rag.context.prompt import template_hash
from rag.models.catalogue import catalogue
from rag.settings import Settings

SHIPPED = sorted(path.name for path in store.SHIPPED.iterdir() if path.is_dir())


def test_at_least_one_ships_for_the_default_model() -> None:
    default = Settings().generate.model
    assert any(Card.read(store.SHIPPED / name).base.model == default for name in SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_adapter_is_what_its_card_says(name: str) -> None:
    folder = store.SHIPPED / name
    card = Card.read(folder)
    assert card.name == name and card.sha256 == store.weights_sha256(folder)
    assert card.template == template_hash(), "the prompts have changed since it was trained: train it again (its card has the command)"
    assert card.base.model in catalogue() and method_of(card).name == card.method
    assert card.command.startswith("atlas ") and card.curve and card.data.sizes["gold"] > 100
    assert {path.suffix for path in folder.iterdir()} == {".safetensors", ".json"}
    assert sum(path.stat().st_size for path in folder.iterdir()) < 10e6
