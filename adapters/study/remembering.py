"""An assistant that searches for each question once: every trial of a study asks for the passages of the same questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from rag.assistant import Assistant
from rag.generate.routed import RoutedGenerator
from rag.progress import Progress, silent
from rag.retrieve.retriever import Where
from rag.settings import Settings
from rag.types import Context, Message


class Remembering(Assistant):
    """What it retrieves is that of the index as it was at the first question."""

    def __init__(self, settings: Settings, generator: RoutedGenerator, *, progress: Progress = silent) -> None:
        super().__init__(settings, generator, progress=progress)
        self._found: dict[tuple[str, tuple[Message, ...]], Context] = {}

    @classmethod
    def of(cls, settings: Settings, *, progress: Progress = silent) -> Self:
        return cls(settings, RoutedGenerator.open(settings, progress=progress), progress=progress)

    async def retrieve(self, question: str, history: Sequence[Message] = (), *, where: Where | None = None) -> Context:
        key = (question, tuple(history))
        if where is not None:
            return await super().retrieve(question, history, where=where)
        if key not in self._found:
            self._found[key] = await super().retrieve(question, history)
        return self._found[key]
