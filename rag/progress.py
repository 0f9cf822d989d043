"""How work is reported: by callbacks. The library never prints; `ui` draws the bar with rate and ETA."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

Tell = Callable[[str], None]
"""Takes one line for the person who waits."""

CLOCKED = "model server: "
"""A stage whose name begins so (rag.serve.vllm) counts seconds: nothing else is known of what is left to wait."""


class Progress(Protocol):
    def __call__(self, stage: str, done: int, total: int) -> None:
        """`stage` is a short human name ("reading files"); `total` 0 means unknown. Called often; must be cheap."""


def silent(stage: str, done: int, total: int) -> None:
    """The progress callback that shows nothing."""
