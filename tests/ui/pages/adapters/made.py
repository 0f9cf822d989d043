"""Adapters without weights worth the name: a folder with a card, for what only reads."""

from __future__ import annotations

import hashlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from adapters.card import BaseWeights, Card, Data, Point
from rag.context.prompt import template_hash
from rag.settings import Settings

OURS = {
    *("article", "header", "section", "h2", "h3", "h4", "h5", "p", "span", "div", "dl", "dt", "dd", "code", "pre", "table", "caption"),
    *("thead", "tbody", "tr", "th", "td", "details", "summary", "figure", "figcaption", "svg", "title", "desc", "line", "text", "rect"),
    *("polyline", "ul", "li", "small", "nav", "a", "iframe", "progress", "br"),
}


class Elements(HTMLParser):
    """Names of elements and attributes as a browser would see them, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def harmless(html: str) -> Elements:
    """Nothing but our own elements, and no attribute that could run something."""
    seen = Elements(html)
    assert seen.names <= OURS, seen.names - OURS
    assert not [name for name in seen.attributes if name.startswith("on")]
    return seen


def store_card(name: str, settings: Settings, **changed: Any) -> Card:
    """A stored adapter with a whole card."""
    folder = settings.home / "adapters" / name
    folder.mkdir(parents=True)
    weights = f"weights of {name}".encode()
    (folder / "adapter_model.safetensors").write_bytes(weights)
    (folder / "adapter_config.json").write_text("{}", encoding="utf-8")
    values: dict[str, Any] = {
        "name": name,
        "base": BaseWeights(model=settings.generate.model, revision="bc31e481b3702f15"),
        "method": "lora",
        "options": {"r": 8, "alpha": 16, "dropout": 0.05, "targets": "all"},
        "training": {"epochs": 1.5, "learning_rate": 2e-4, "leakage": "drop"},
        "parameters": 4_399_104,
        "data": Data(
            recipe="context", sha256="4fbaaa0cc3ec5452", sizes={"gold": 360, "absent": 12}, training=413, validation=51, split="by document"
        ),
        "seed": 7,
        "template": template_hash(),
        "versions": {"torch": "2.13.0"},
        "curve": (
            Point(step=2, loss=1.5),
            Point(step=4, loss=0.75, validation=1.25, f1=0.4),
            Point(step=6, loss=0.5, validation=1.0, f1=0.5),
        ),
        "evaluation": {"held_back_score": 0.5, "step": 6},
        "routes": ("vllm", "merged", "in-process"),
        "created": "2026-11-22T08:08:00+00:00",
        "seconds": 1128.8,
        "command": "atlas train --name x",
        "sha256": hashlib.sha256(weights).hexdigest(),
    }
    card = Card.model_validate({**values, **changed})
    card.write(Path(folder))
    return card
