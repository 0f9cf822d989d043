"""One question to several arms."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from typing import Any, Literal

import pytest

from rag.assistant import Assistant
from rag.errors import ServerError
from rag.generate.routes import Route, publish, withdraw
from rag.types import Context, Decoding, Document, Event, Message
from tests.ui.stage import ALPHA, QUESTION, Teller
from ui.chat.line import Line
from ui.chat.session import Backend, Session
from ui.chat.status import Doing, Status
from ui.chat.styled import Styled, styled
from ui.chat.turn import How

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
    backed = replace(backend(counting), adapters=lambda: ["mine"] if now else [])
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


def test_a_pane_can_name_its_adapter_and_has_a_memory_of_its_own(counting: Counting) -> None:
    session, arms = Session(), ("lora:mine", "lora:other")
    backed = replace(backend(counting), adapters=lambda: ["mine", "other"])
    model = counting.settings.generate.model
    for name in ("mine", "other"):
        publish(counting.settings.home, Route(name, "vllm", name, name * 8, model))
    try:
        asyncio.run(finish(session, QUESTION, backed, arms))
    finally:
        for name in ("mine", "other"):
            withdraw(counting.settings.home, name)
    assert [pane.answer.provenance.adapter for pane in session.turns[0].panes if pane.answer] == ["mine", "other"]
    assert session.history("lora:mine") != session.history("lora:other")
    assert session.turns[0].panes[0].text.startswith("(mine)")


def test_an_adapter_that_is_not_loaded_any_more_leaves_its_pane_out(counting: Counting) -> None:
    session = Session()
    asyncio.run(finish(session, QUESTION, replace(backend(counting), adapters=lambda: ["mine"]), ("icl", "lora:gone")))
    assert [pane.variant.key for pane in session.turns[0].panes] == ["icl"]


def test_the_decoding_that_was_chosen_is_the_one_that_answers(assistant: Assistant, teller: Teller) -> None:
    teller.says = {QUESTION: "word " * 50}
    session, decoding = Session(), Decoding(0.5, 7, 0.9, 3)

    async def asked() -> None:
        async for _ in session.ask(QUESTION, ARMS, backend(assistant), How(decoding)):
            pass

    asyncio.run(asked())
    assert [pane.answer.provenance.decoding for pane in session.turns[0].panes if pane.answer] == [decoding] * 2


def test_a_style_of_its_own_shares_everything_that_is_loaded(assistant: Assistant) -> None:
    own = assistant.settings.context.style
    other: Literal["short", "full"] = "short" if own == "full" else "full"
    assert styled(assistant, How()) is assistant and styled(assistant, How(assistant.decoding(), own)) is assistant
    changed = styled(assistant, How(style=other))
    assert isinstance(changed, Styled) and changed.settings.context.style == other
    assert changed.retriever is assistant.retriever and changed.examples is assistant.examples and changed.routes is assistant.routes
    assert changed.prompt(QUESTION, "zero-shot") != assistant.prompt(QUESTION, "zero-shot")
    longer = styled(assistant, How(replace(assistant.decoding(), max_tokens=999)))
    assert longer.settings.generate.max_tokens == 999


def test_blind_panes_are_shuffled_by_the_turns_own_seed(assistant: Assistant) -> None:
    session, arms = Session(), ("icl", "zero-shot", "rag")

    async def asked() -> None:
        for _ in range(12):
            async for _ in session.ask(QUESTION, arms, backend(assistant), How(blind=True)):
                pass

    asyncio.run(asked())
    orders = {tuple(pane.arm for pane in turn.panes) for turn in session.turns}
    assert len(orders) > 1 and all(sorted(order) == sorted(arms) for order in orders)
    assert len({turn.seed for turn in session.turns}) == 12 == len({turn.id for turn in session.turns})


def test_a_question_beyond_what_the_model_takes_stands_in_line_and_says_so(assistant: Assistant, teller: Teller) -> None:
    teller.delay, teller.says = 0.02, {QUESTION: "word " * 40}
    backed = replace(backend(assistant), line=Line(2))
    seen: list[list[tuple[int, int]]] = [[], [], []]

    async def one(number: int) -> None:
        await asyncio.sleep(number * 0.1)
        async for turn in Session().ask(QUESTION, ARMS, backed):
            if turn.line is not None:
                seen[number].append((turn.line.answered, turn.line.before))
                assert teller.running <= 2

    async def three() -> None:
        await asyncio.gather(*(one(number) for number in range(3)))

    asyncio.run(three())
    assert seen[0] == []
    assert set(seen[1]) == {(1, 0)}
    assert (1, 1) in seen[2] and seen[2][-1] == (1, 0)
    assert teller.running == 0
