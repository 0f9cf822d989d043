"""Loads an adapter onto a bare model by the method that its card names: what generation in this process asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from adapters.card import Card
from adapters.method import METHODS, Method


def method_of(card: Card) -> Method:
    """Raises UserError when the card names a method that this version does not have."""
    return METHODS.load(card.method)()


class ByMethod:
    """A `rag.generate.local.AdapterLoader`."""

    def attach(self, model: Any, folder: Path) -> Any:
        return method_of(Card.read(folder)).load(model, folder)
