"""One browser session: its turns, and the answering of a question by all panes at once. Knows nothing of Gradio or HTML."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Protocol

from rag.errors import UserError
from rag.types import Context, Decoding, Document, Event, Finished, Message, Retrieved, Token
from ui.chat.line import Line, Place
from ui.chat.sources import Passage, passages
from ui.chat.status import Ready
from ui.chat.text import Language
from ui.chat.turn import How, Pane, Turn
from ui.chat.variant import Variant

log = logging.getLogger(__name__)

TICK = 0.08
"""Seconds between two pictures of a streaming answer: smooth to read, light to send."""
POLL = 0.5


class Answering(Protocol):
    """What the page needs of `rag.assistant.Assistant`."""

    def stream(
        self,
        question: str,
        arm: str,
        history: Sequence[Message] = (),
        *,
        decoding: Decoding | None = None,
        context: Context | None = None,
        adapter: str | None = None,
    ) -> AsyncGenerator[Event, None]: ...

    async def retrieve(self, question: str, history: Sequence[Message] = ()) -> Context: ...


@dataclass(frozen=True, slots=True)
class Backend:
    """Who answers, when, and where the text of a cited document comes from (by its id; raises AtlasError when it is gone).

    `adapters`: names of those that are loaded; panes of others are left out. `styled`: who answers in a style of its own.
    """

    assistant: Answering
    ready: Ready
    document: Callable[[str], Document]
    adapters: Callable[[], Sequence[str]] = tuple
    styled: Callable[[How], Answering] | None = None
    line: Line = field(default_factory=lambda: Line(16))

    def answering(self, how: How) -> Answering:
        return self.styled(how) if self.styled else self.assistant


@dataclass(slots=True)
class Session:
    """The conversation of one browser tab. One question at a time; `stop` ends it wherever it is.

    `spoken`: how often the language was set; `drawn`: the language of the turns on the page;
    `editing`: the next question replaces the last turn; `board`: the votes are looked at.
    """

    turns: list[Turn] = field(default_factory=list)
    language: Language = "en"
    spoken: int = 0
    drawn: Language = "en"
    editing: bool = False
    board: bool = False
    _work: asyncio.Task[None] | None = None

    def history(self, key: str) -> tuple[Message, ...]:
        """What this variant was asked and said so far; turns in which it failed or was stopped before a word are left out.

        For a turn that it was not there for (it was chosen, or its adapter loaded, later) the last pane speaks.
        """
        messages: list[Message] = []
        for turn in self.turns:
            said = next((pane for pane in turn.panes if pane.variant.key == key), turn.panes[-1])
            if said.text and said.state in ("done", "stopped"):
                messages += [Message("user", turn.question), Message("assistant", said.text)]
        return tuple(messages)

    @property
    def busy(self) -> bool:
        return self._work is not None and not self._work.done()

    def stop(self) -> None:
        if self._work is not None:
            self._work.cancel()

    def again(self) -> str:
        """Forget the last turn and return its question ("" when there is none)."""
        return self.turns.pop().question if self.turns else ""

    async def ask(self, question: str, keys: Sequence[str], backend: Backend, how: How | None = None) -> AsyncGenerator[Turn, None]:
        """The same turn again and again while it changes, at most every `TICK` seconds; complete when the iteration ends.

        Leaving the iteration early (the tab was closed) cancels what is under way, which frees the model server.
        """
        how = how or How()
        loaded = backend.adapters()
        chosen = [Variant.of(key) for key in keys]
        chosen = [variant for variant in chosen if variant.answers(loaded)] or chosen
        turn = Turn(question, [Pane(each.arm, adapter=each.adapter, history=self.history(each.key)) for each in chosen], how=how)
        if how.blind:
            random.Random(turn.seed).shuffle(turn.panes)
        self.turns.append(turn)
        changed = asyncio.Event()
        work = self._work = asyncio.create_task(_answer(turn, backend, changed))
        work.add_done_callback(lambda _: changed.set())
        try:
            while not work.done():
                yield turn
                await changed.wait()
                changed.clear()
                await asyncio.wait([work], timeout=TICK)
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            for pane in turn.panes:
                if pane.busy:
                    pane.state, pane.total = "stopped", turn.seconds
        yield turn


async def _answer(turn: Turn, backend: Backend, changed: asyncio.Event) -> None:
    def moved(place: Place | None) -> None:
        turn.line = place
        changed.set()

    try:
        while (waits := await backend.ready()) is not None:
            turn.waits = waits
            changed.set()
            await asyncio.sleep(POLL)
        turn.waits = None
        async with backend.line.seated(len(turn.panes), moved):
            await _answer_all(turn, backend, changed)
    except Exception as exc:
        for pane in turn.panes:
            if pane.busy:
                _fail(pane, exc)


async def _answer_all(turn: Turn, backend: Backend, changed: asyncio.Event) -> None:
    answering = backend.answering(turn.how)
    searching = next((pane for pane in turn.panes if pane.variant.retrieves), None)
    # One search for all panes that retrieve: they must differ in one thing only.
    found = asyncio.create_task(_retrieve(turn, searching.history, backend)) if searching else None
    try:
        await asyncio.gather(*(_stream(turn, pane, answering, found, changed) for pane in turn.panes))
    finally:
        if found is not None:
            found.cancel()


Found = tuple[Context, Mapping[int, Passage]]


async def _retrieve(turn: Turn, history: tuple[Message, ...], backend: Backend) -> Found:
    context = await backend.assistant.retrieve(turn.question, history)
    return context, await asyncio.to_thread(passages, context, backend.document)


async def _stream(turn: Turn, pane: Pane, answering: Answering, found: asyncio.Task[Found] | None, changed: asyncio.Event) -> None:
    """Fill one pane; what goes wrong in it stays in it."""
    try:
        if found is not None and pane.variant.retrieves:
            pane.state = "searching"
            changed.set()
            pane.context, pane.sources = await asyncio.shield(found)
        pane.state = "writing"
        changed.set()
        events = answering.stream(
            turn.question, pane.arm, pane.history, decoding=turn.how.decoding, context=pane.context, adapter=pane.adapter or None
        )
        async with aclosing(events):
            async for event in events:
                _take(turn, pane, event)
                changed.set()
    except Exception as exc:
        _fail(pane, exc)
        pane.total = turn.seconds
        changed.set()


def _take(turn: Turn, pane: Pane, event: Event) -> None:
    match event:
        case Token(text):
            pane.first_token = pane.first_token or turn.seconds
            pane.text += text
        case Retrieved(context):
            pane.context = context
        case Finished(answer):
            pane.answer, pane.text, pane.context = answer, answer.text, answer.context or pane.context
            pane.state, pane.total = "done", turn.seconds


def _fail(pane: Pane, exc: Exception) -> None:
    pane.state = "failed"
    if isinstance(exc, UserError):
        pane.problem = exc
    else:
        log.error("answering with the arm %s failed", pane.arm, exc_info=exc)
