"""What a pane can be: an arm, and for the arms with an adapter, which one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.assistant import ADAPTED, ARMS, RETRIEVING
from ui.plain import one_line

if TYPE_CHECKING:
    from ui.chat.text import Text


@dataclass(frozen=True, slots=True)
class Variant:
    """An arm; `adapter` is a name, or "" for the one that was loaded last. `key` is how the page writes it: `rag+lora:mine`."""

    arm: str
    adapter: str = ""

    @classmethod
    def of(cls, key: str) -> Variant:
        arm, _, adapter = key.partition(":")
        return cls(arm, adapter)

    @property
    def key(self) -> str:
        return f"{self.arm}:{self.adapter}" if self.adapter else self.arm

    @property
    def retrieves(self) -> bool:
        return self.arm in RETRIEVING

    def answers(self, loaded: Sequence[str]) -> bool:
        """Whether it can answer with these adapters loaded."""
        return self.arm not in ADAPTED or (self.adapter in loaded if self.adapter else bool(loaded))

    def name(self, text: Text) -> str:
        """Plain text, not HTML."""
        name = text.arm(self.arm)[0]
        return f"{name} · {one_line(self.adapter, 48)}" if self.adapter else name


def variants(loaded: Sequence[str]) -> list[Variant]:
    """All that can be chosen. Adapters are named only where there are several: else the arm says it all."""
    found = [Variant(arm) for arm in ARMS]
    if len(loaded) > 1:
        found += [Variant(arm, adapter) for adapter in loaded for arm in ARMS if arm in ADAPTED]
    return found
