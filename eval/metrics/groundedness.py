"""Groundedness: the share of a reply's statements that its passages support, judged by a model when one is configured."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from eval.judge import Ask, JudgeError, choose
from rag.context.citations import statements
from rag.errors import UserError
from rag.types import Message

PROMPT = """Passages:
{passages}

Statement: {statement}

Do the passages say this? Judge by the passages alone, not by what you know. Reply with one word: YES or NO."""


@dataclass(frozen=True, slots=True)
class Grounding:
    """Statements of one reply. `failed`: the judge gave no usable verdict on them; they are in neither of the two."""

    supported: tuple[str, ...]
    unsupported: tuple[str, ...]
    failed: tuple[str, ...] = ()

    @property
    def share(self) -> float | None:
        """In [0, 1]; None when no statement was judged: then the metric does not apply."""
        judged = len(self.supported) + len(self.unsupported)
        return len(self.supported) / judged if judged else None


class Grounder(Protocol):
    """Anything that can tell whether passages support an answer: a judge, or a model of natural-language inference."""

    async def __call__(self, answer: str, passages: Sequence[str]) -> Grounding:
        """Raises nothing for a single failed verdict: it is counted in `Grounding.failed`."""


class JudgeGrounder:
    """Cuts the answer into sentences and asks a judge about each (the measure is that of RAGAS "faithfulness", Es et al. 2024)."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def __call__(self, answer: str, passages: Sequence[str]) -> Grounding:
        parts = [statement for statement, _ in statements(answer)]
        verdicts = await asyncio.gather(*(self._supported(part, passages) for part in parts))
        kept: dict[str, list[str]] = {"YES": [], "NO": [], "": []}
        for part, verdict in zip(parts, verdicts, strict=True):
            kept[verdict].append(part)
        return Grounding(tuple(kept["YES"]), tuple(kept["NO"]), tuple(kept[""]))

    async def _supported(self, statement: str, passages: Sequence[str]) -> str:
        """YES, NO, or "" when the judge failed."""
        numbered = "\n".join(f"[{number}] {text}" for number, text in enumerate(passages, start=1))
        try:
            said = await self._ask([Message("user", PROMPT.format(passages=numbered, statement=statement))])
            return choose(said, ("YES", "NO"))
        except (JudgeError, UserError):
            return ""
