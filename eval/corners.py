"""Which corner of the two axes an arm's name stands for: kind, adapter, and which copy of the same arm it is.

rag+lora:NAME#2 = kind rag+lora, adapter NAME, second copy
"""

from __future__ import annotations

from dataclasses import dataclass

DIAGNOSTIC = frozenset({"oracle", "shuffled", "full-doc"})
RETRIEVING = frozenset({"rag", "rag+lora"})
CLOSED_BOOK = frozenset({"icl", "zero-shot", "lora"})
ADAPTED = frozenset({"lora", "rag+lora"})


@dataclass(frozen=True, slots=True)
class Corner:
    """`adapter`: "" where the name has none (base weights, or the only adapter there is); `copy`: 1 for the arm itself."""

    kind: str
    adapter: str = ""
    copy: int = 1

    @classmethod
    def of(cls, arm: str) -> Corner:
        name, _, copy = arm.rpartition("#") if "#" in arm and arm.rpartition("#")[2].isdigit() else (arm, "", "1")
        kind, _, adapter = name.partition(":")
        return cls(kind, adapter, int(copy))

    @property
    def outside(self) -> bool:
        """An outside system: nothing is known about its weights and its passages."""
        return self.kind not in DIAGNOSTIC | RETRIEVING | CLOSED_BOOK

    def named(self, kind: str) -> str:
        """The arm of that kind with the same adapter."""
        return f"{kind}:{self.adapter}" if self.adapter else kind
