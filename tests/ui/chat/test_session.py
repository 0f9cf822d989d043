"""One question to several arms."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from rag.assistant import Assistant
from rag.errors import ServerError
from rag.generate.routes import Route, publish, withdraw
from rag.types import Context, Document, Event, Message
from tests.ui.stage import ALPHA, QUESTION, Teller
from ui.chat.session import Backend, Session
from ui.chat.status import Doing, Status

ARMS = ("icl", "rag")


class Counting(Assistant):
    """Counts searches, and keeps the history each arm was given."""

    searches = 0
    histories: dict[str, Sequence[Message]]

    async def retrieve(self, question: str, history: Sequence[Message] = (), **_: object) -> Context:
        self.searches += 1
        return await super().retrieve(question, history)

    def stream(self, question: str, arm: str, history: Sequence[Message] = (), **values: Any) -> AsyncGenerator[Event, None]:
        self.histories = {**getattr(self, "histories", {}), arm: history}
        return super().stream(question, arm, history, **values)


async def at_once() -> None:
    return None


def backend(assistant: Assistant, ready: object = at_once) -> Backend:
    def document(document_id: str) -> Document:
        return assistant.retriever.live.current().document(document_id)

    return Backend(assistant, ready, document)  # type: ignore[arg-type]


async def last(session: Session, question: str, backed: Backend, arms: Sequence[str] = ARMS) -> list[list[str]]:
    """The states of the panes at each picture."""
    return [[pane.state for pane in turn.panes] async for turn in session.ask(question, arms, backed)]


@pytest.fixture
def counting(assistant: Assistant) -> Counting:
    return Counting(assistant.settings, assistant.generator)


async def finish(session: Session, question: str, backed: Backend, arms: Sequence[str] = ARMS) -> None:
    async for _ in session.ask(question, arms, backed):
        pass


def test_all_arms_answer_and_those_that_retrieve_share_one_search(counting: Counting) -> None:
    session = Session()
    asyncio.run(finish(session, QUESTION, backend(counting), ("icl", "rag", "zero-shot")))
    icl, rag, zero = session.turns[0].panes
    assert [pane.state for pane in (icl, rag, zero)] == ["done"] * 3
    assert counting.searches == 1
    assert rag.context is not None and rag.context.sources and icl.context is None
    assert ALPHA in rag.text or "lora" in rag.text.lower()
    assert rag.sources.keys() == {source.number for source in rag.context.sources}


def test_arms_stream_at_the_same_time(assistant: Assistant, teller: Teller) -> None:
    teller.delay = 0.02
    teller.says = {QUESTION: "word " * 30}
    seen = asyncio.run(last(Session(), QUESTION, backend(assistant)))
    assert ["writing", "writing"] in seen
    assert seen[-1] == ["done", "done"]


def test_a_failing_arm_leaves_the_other_alone(assistant: Assistant, teller: Teller) -> None:
    teller.broken = {QUESTION}
    session = Session()
    asyncio.run(finish(session, QUESTION, backend(assistant)))
    icl, rag = session.turns[0].panes
    assert icl.state == "failed" and isinstance(icl.problem, ServerError)
    assert rag.state == "done"


def test_stopping_cancels_the_generators_and_keeps_what_was_said(assistant: Assistant, teller: Teller) -> None:
    teller.delay, teller.says = 0.02, {QUESTION: "word " * 500}
    session = Session()

    async def stopped() -> None:
        async for turn in session.ask(QUESTION, ARMS, backend(assistant)):
            if all(pane.text for pane in turn.panes):
                session.stop()

    asyncio.run(asyncio.wait_for(stopped(), 20))
    assert [pane.state for pane in session.turns[0].panes] == ["stopped", "stopped"]
    assert all(pane.text.startswith("word") for pane in session.turns[0].panes)
    assert teller.running == 0


def test_a_closed_tab_frees_the_generators(assistant: Assistant, teller: Teller) -> None:
    teller.delay, teller.says = 0.02, {QUESTION: "word " * 500}

    async def left() -> None:
        pictures = Session().ask(QUESTION, ARMS, backend(assistant))
        async for turn in pictures:
            if teller.running == 2 and turn.panes[0].text:
                break
        await pictures.aclose()
        assert teller.running == 0

    asyncio.run(asyncio.wait_for(left(), 20))


def test_a_question_waits_until_it_can_be_answered(assistant: Assistant) -> None:
    waits = [Doing("server", seconds_left=1.0), Doing("server", seconds_left=0.5), None]

    async def ready() -> Doing | None:
        return waits.pop(0)

    async def asked() -> list[Doing | None]:
        return [turn.waits async for turn in Session().ask(QUESTION, ARMS, backend(assistant, ready))]

    seen = asyncio.run(asked())
    assert any(waited is not None for waited in seen) and seen[-1] is None and not waits


def test_what_will_never_come_is_an_error_in_every_pane(assistant: Assistant) -> None:
    async def never() -> Doing | None:
        raise ServerError("The model server died.", "Start it.")

    session = Session()
    asyncio.run(finish(session, QUESTION, backend(assistant, never)))
    assert [str(pane.problem) for pane in session.turns[0].panes] == ["The model server died. Start it."] * 2


def test_each_arm_remembers_its_own_answers(counting: Counting, teller: Teller) -> None:
    session = Session()
    backed = backend(counting)
    asyncio.run(finish(session, QUESTION, backed))
    asyncio.run(finish(session, "And why?", backed))
    first = session.turns[0]
    for pane in first.panes:
        assert list(counting.histories[pane.arm]) == [Message("user", QUESTION), Message("assistant", pane.text)]


def test_a_defect_is_not_shown_as_the_users_fault(assistant: Assistant, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Assistant):
        async def retrieve(self, *_: object, **__: object) -> Context:
            raise ZeroDivisionError("a defect")

    session = Session()
    asyncio.run(finish(session, QUESTION, backend(Broken(assistant.settings, assistant.generator))))
    assert [pane.state for pane in session.turns[0].panes] == ["done", "failed"]
    assert session.turns[0].panes[1].problem is None
    assert "ZeroDivisionError" in caplog.text


def test_many_pages_look_once(assistant: Assistant) -> None:
    looks = 0

    async def ready() -> Doing | None:
        nonlocal looks
        looks += 1
        await asyncio.sleep(0.01)
        return None

    async def many() -> None:
        status = Status(ready)
        await asyncio.gather(*(status() for _ in range(50)))

    asyncio.run(many())
    assert looks == 1


def test_the_pane_with_an_adapter_is_there_from_the_question_after_it_was_loaded(counting: Counting) -> None:
    session, arms, now = Session(), ("icl", "rag", "rag+lora"), False
    backed = replace(backend(counting), adapted=lambda: now)
    asyncio.run(finish(session, QUESTION, backed, arms))
    assert [pane.arm for pane in session.turns[0].panes] == ["icl", "rag"]
    publish(counting.settings.home, Route("mine", "vllm", "mine", "ab" * 32, counting.settings.generate.model))
    now = True
    try:
        asyncio.run(finish(session, "Why?", backed, arms))
    finally:
        withdraw(counting.settings.home, "mine")  # the home is shared by all tests of the page
    third = session.turns[1].panes[2]
    assert (third.arm, third.state) == ("rag+lora", "done")
    assert third.answer is not None and third.answer.provenance.adapter_sha256 == "ab" * 32
    assert session.turns[1].panes[1].context is third.context
    before = session.turns[0].panes[1].text
    assert [message.content for message in counting.histories["rag+lora"]] == [QUESTION, before]
