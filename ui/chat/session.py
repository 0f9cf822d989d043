"""One browser session: its turns, and the answering of a question by all arms at once. Knows nothing of Gradio or HTML."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Literal, Protocol

from rag.assistant import ADAPTED, RETRIEVING
from rag.errors import UserError
from rag.types import Answer, Context, Document, Event, Finished, Message, Retrieved, Token
from ui.chat.sources import Passage, passages
from ui.chat.status import Doing, Ready
from ui.chat.text import Language

log = logging.getLogger(__name__)

TICK = 0.08
"""Seconds between two pictures of a streaming answer: smooth to read, light to send."""
POLL = 0.5


class Answering(Protocol):
    """What the page needs of `rag.assistant.Assistant`."""

    def stream(
        self, question: str, arm: str, history: Sequence[Message] = (), *, context: Context | None = None
    ) -> AsyncGenerator[Event, None]: ...

    async def retrieve(self, question: str, history: Sequence[Message] = ()) -> Context: ...


@dataclass(frozen=True, slots=True)
class Backend:
    """Who answers, when, and where the text of a cited document comes from (by its id; raises AtlasError when it is gone)."""

    assistant: Answering
    ready: Ready
    document: Callable[[str], Document]
    adapted: Callable[[], bool] = lambda: True
    """Whether an adapter is loaded; without one its panes are left out."""


@dataclass(slots=True)
class Pane:
    """One arm's answer to one question. Times are seconds since the question was sent; `sources` are kept as they were then."""

    arm: str
    state: Literal["waiting", "searching", "writing", "done", "stopped", "failed"] = "waiting"
    text: str = ""
    context: Context | None = None
    sources: Mapping[int, Passage] = field(default_factory=dict)
    answer: Answer | None = None
    problem: UserError | None = None
    first_token: float = 0.0
    total: float = 0.0

    @property
    def busy(self) -> bool:
        return self.state in ("waiting", "searching", "writing")


@dataclass(slots=True)
class Turn:
    """A question and its answers; `waits` for this before it can be answered."""

    question: str
    panes: list[Pane]
    waits: Doing | None = None
    began: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.began


@dataclass(slots=True)
class Session:
    """The conversation of one browser tab. One question at a time; `stop` ends it wherever it is."""

    turns: list[Turn] = field(default_factory=list)
    language: Language = "en"
    _work: asyncio.Task[None] | None = None

    def history(self, arm: str) -> tuple[Message, ...]:
        """What this arm was asked and said so far; turns in which it failed or was stopped before a word are left out.

        For a turn that it was not there for (its adapter was loaded later) the last pane speaks.
        """
        messages: list[Message] = []
        for turn in self.turns:
            said = next((pane for pane in turn.panes if pane.arm == arm), turn.panes[-1])
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

    async def ask(self, question: str, arms: Sequence[str], backend: Backend) -> AsyncGenerator[Turn, None]:
        """The same turn again and again while it changes, at most every `TICK` seconds; complete when the iteration ends.

        Leaving the iteration early (the tab was closed) cancels what is under way, which frees the model server.
        """
        adapted = backend.adapted()
        arms = [arm for arm in arms if adapted or arm not in ADAPTED] or list(arms)
        turn = Turn(question, [Pane(arm) for arm in arms])
        histories = [self.history(arm) for arm in arms]
        self.turns.append(turn)
        changed = asyncio.Event()
        work = self._work = asyncio.create_task(_answer(turn, histories, backend, changed))
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


async def _answer(turn: Turn, histories: Sequence[tuple[Message, ...]], backend: Backend, changed: asyncio.Event) -> None:
    try:
        while (waits := await backend.ready()) is not None:
            turn.waits = waits
            changed.set()
            await asyncio.sleep(POLL)
    except Exception as exc:
        for pane in turn.panes:
            _fail(pane, exc)
        return
    turn.waits = None
    searching = [index for index, pane in enumerate(turn.panes) if pane.arm in RETRIEVING]
    # One search for all arms that retrieve: they must differ in one thing only.
    found = asyncio.create_task(_retrieve(turn, histories[searching[0]], backend)) if searching else None
    try:
        each = zip(turn.panes, histories, strict=True)
        await asyncio.gather(*(_stream(turn, pane, history, backend.assistant, found, changed) for pane, history in each))
    finally:
        if found is not None:
            found.cancel()


Found = tuple[Context, Mapping[int, Passage]]


async def _retrieve(turn: Turn, history: tuple[Message, ...], backend: Backend) -> Found:
    context = await backend.assistant.retrieve(turn.question, history)
    return context, await asyncio.to_thread(passages, context, backend.document)


async def _stream(
    turn: Turn, pane: Pane, history: tuple[Message, ...], assistant: Answering, found: asyncio.Task[Found] | None, changed: asyncio.Event
) -> None:
    """Fill one pane; what goes wrong in it stays in it."""
    try:
        if found is not None and pane.arm in RETRIEVING:
            pane.state = "searching"
            changed.set()
            pane.context, pane.sources = await asyncio.shield(found)
        pane.state = "writing"
        changed.set()
        async with aclosing(assistant.stream(turn.question, pane.arm, history, context=pane.context)) as events:
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
