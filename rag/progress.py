"""How long work is reported: by a callback. The library never prints; `ui` draws the bar with rate and ETA."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    def __call__(self, stage: str, done: int, total: int) -> None:
        """`stage` is a short human name ("reading files"); `total` 0 means unknown. Called often; must be cheap."""


def silent(stage: str, done: int, total: int) -> None:
    """The progress callback that shows nothing."""
