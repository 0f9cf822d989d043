"""Groundedness: the share of a reply's statements that its passages support, told by a judge (or by an NLI model: eval.metrics.nli)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from eval.judge import DATA, Ask, JudgeError, choose, fenced
from rag.context.citations import statements
from rag.errors import UserError
from rag.types import Message

PROMPT = """Do the passages support a statement? Judge by the passages alone, not by what you know.
{data}

<passages>
{passages}
</passages>
<question>
{question}
</question>
<statement>
{statement}
</statement>

The statement answers the question. Do the passages say this? Reply with one word: YES or NO."""


@dataclass(frozen=True, slots=True)
class Grounding:
    """Statements of one reply. `failed`: there is no usable verdict on them; they are in neither of the two."""

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

    async def __call__(self, question: str, answer: str, passages: Sequence[str]) -> Grounding:
        """Raises nothing for a single failed verdict: it is counted in `Grounding.failed`."""


class JudgeGrounder:
    """Cuts the answer into sentences and asks a judge about each (the measure is that of RAGAS "faithfulness", Es et al. 2024).

    The question goes along: a short answer ("sixteen") states nothing without it.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def __call__(self, question: str, answer: str, passages: Sequence[str]) -> Grounding:
        parts = claims(answer)
        verdicts = await asyncio.gather(*(self._supported(question, part, passages) for part in parts))
        return grounding(parts, verdicts)

    async def _supported(self, question: str, statement: str, passages: Sequence[str]) -> str:
        """YES, NO, or "" when the judge failed."""
        try:
            return choose(await self._ask(prompt(question, statement, passages)), ("YES", "NO"))
        except (JudgeError, UserError):
            return ""


def prompt(question: str, statement: str, passages: Sequence[str]) -> list[Message]:
    numbered = "\n".join(f"[{number}] {fenced(text)}" for number, text in enumerate(passages, start=1))
    return [Message("user", PROMPT.format(data=DATA, passages=numbered, question=fenced(question), statement=fenced(statement)))]


def claims(answer: str) -> list[str]:
    """The sentences of an answer, without citation markers."""
    return [statement for statement, _ in statements(answer)]


def grounding(parts: Sequence[str], verdicts: Sequence[str]) -> Grounding:
    """`verdicts`: "YES", "NO" or "" (failed), one for each part."""
    kept: dict[str, list[str]] = {"YES": [], "NO": [], "": []}
    for part, verdict in zip(parts, verdicts, strict=True):
        kept[verdict].append(part)
    return Grounding(tuple(kept["YES"]), tuple(kept["NO"]), tuple(kept[""]))
