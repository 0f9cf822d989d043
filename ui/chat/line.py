"""The line before the model: questions are let in, in the order in which they came, while it has seats for their answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rag.settings import Settings

LOOK = 0.25
"""Seconds between two looks of a waiting question at its place."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a waiting question stands: so many are being answered, so many more wait before it."""

    answered: int
    before: int


@dataclass(eq=False, slots=True)
class Ticket:
    """One question, which takes `need` seats."""

    need: int
    seated: asyncio.Event = field(default_factory=asyncio.Event)


class Line:
    """`seats`: answers that the model writes at once. A question that needs more than there are goes in alone."""

    def __init__(self, seats: int) -> None:
        self.seats = seats
        self._inside: list[Ticket] = []
        self._waiting: list[Ticket] = []

    @asynccontextmanager
    async def seated(self, need: int, moved: Callable[[Place | None], None]) -> AsyncIterator[None]:
        """Waits for its turn; `moved` is told each new place, and None once it is inside. Leaves however the block ends."""
        ticket = Ticket(need)
        self._waiting.append(ticket)
        try:
            self._let_in()
            told: Place | None = None
            while not ticket.seated.is_set():
                if (place := Place(len(self._inside), self._waiting.index(ticket))) != told:
                    moved(told := place)
                with suppress(TimeoutError):
                    await asyncio.wait_for(ticket.seated.wait(), LOOK)
            moved(None)
            yield
        finally:
            (self._inside if ticket in self._inside else self._waiting).remove(ticket)
            self._let_in()

    def _let_in(self) -> None:
        while self._waiting:
            taken = sum(ticket.need for ticket in self._inside)
            if self._inside and taken + self._waiting[0].need > self.seats:
                return
            ticket = self._waiting.pop(0)
            self._inside.append(ticket)
            ticket.seated.set()


def seats(settings: Settings) -> int:
    """Answers that the generator of these settings writes at once: in this process it is one, a server batches them."""
    return 1 if settings.generate.backend == "transformers" else settings.serve.max_num_seqs
