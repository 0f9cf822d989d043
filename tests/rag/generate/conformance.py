"""The laws that every generator keeps; each test module runs them over its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import pytest

from rag.generate.generator import Generator, Usage
from rag.types import Decoding, Message

QUESTION = [Message("user", "Name the capital of France and the capital of Italy, and say one sentence about each of them.")]
SHORT = Decoding(max_tokens=24)


async def collect(generator: Generator, messages: Sequence[Message], decoding: Decoding, adapter: str | None = None) -> tuple[str, Usage]:
    """The text and the Usage, checked for order: pieces, none empty, then exactly one Usage."""
    items = [item async for item in generator.stream(messages, decoding, adapter=adapter)]
    pieces, last = items[:-1], items[-1]
    assert isinstance(last, Usage)
    assert all(isinstance(piece, str) and piece for piece in pieces)
    return "".join(str(piece) for piece in pieces), last


class Laws:
    """Subclass it, with a fixture `generator`."""

    TOLERANCE = 2
    """Tokens by which a count may differ from the tokenizer's: an end token, a piece that is split otherwise."""

    def test_pieces_come_first_and_one_usage_last(self, generator: Generator) -> None:
        text, usage = asyncio.run(collect(generator, QUESTION, SHORT))
        assert text.strip() and usage.prompt_tokens > 0 and usage.answer_tokens > 0

    def test_counts_agree_with_the_tokenizer(self, generator: Generator) -> None:
        text, usage = asyncio.run(collect(generator, QUESTION, SHORT))
        assert abs(usage.answer_tokens - generator.count_tokens(text)) <= self.TOLERANCE
        assert usage.prompt_tokens >= sum(generator.count_tokens(message.content) for message in QUESTION)

    def test_the_same_question_has_the_same_answer_at_temperature_zero(self, generator: Generator) -> None:
        assert asyncio.run(collect(generator, QUESTION, SHORT)) == asyncio.run(collect(generator, QUESTION, SHORT))

    def test_the_same_seed_draws_the_same_answer(self, generator: Generator) -> None:
        drawn = Decoding(max_tokens=16, temperature=0.9, seed=7)
        assert asyncio.run(collect(generator, QUESTION, drawn))[0] == asyncio.run(collect(generator, QUESTION, drawn))[0]

    def test_max_tokens_cuts_the_answer_and_says_so(self, generator: Generator) -> None:
        text, usage = asyncio.run(collect(generator, QUESTION, Decoding(max_tokens=4)))
        assert usage.finish == "length" and usage.answer_tokens == 4 and generator.count_tokens(text) <= 4 + self.TOLERANCE

    def test_a_stop_string_ends_the_answer_and_is_not_shown(self, generator: Generator) -> None:
        whole, _ = asyncio.run(collect(generator, QUESTION, SHORT))
        stop = whole.split()[2]
        text, usage = asyncio.run(collect(generator, QUESTION, Decoding(max_tokens=24, stop=(stop,))))
        assert usage.finish == "stop" and stop not in text and whole.startswith(text) and text.strip()

    def test_four_streams_at_once_do_not_mix(self, generator: Generator) -> None:
        asked = [[Message("user", f"Repeat these words: {word} {word} {word}")] for word in ("alpha", "bravo", "charlie", "delta")]

        async def alone() -> list[tuple[str, Usage]]:
            return [await collect(generator, messages, SHORT) for messages in asked]

        async def together() -> list[tuple[str, Usage]]:
            return list(await asyncio.gather(*(collect(generator, messages, SHORT) for messages in asked)))

        for (one, _), (other, _) in zip(asyncio.run(alone()), asyncio.run(together()), strict=True):
            assert one.split()[:3] == other.split()[:3]

    def test_a_system_message_and_earlier_turns_are_taken(self, generator: Generator) -> None:
        talk = [Message("system", "Be brief."), Message("user", "Hello"), Message("assistant", "Hello!"), Message("user", "Who are you?")]
        text, usage = asyncio.run(collect(generator, talk, SHORT))
        assert text and usage.prompt_tokens >= sum(generator.count_tokens(message.content) for message in talk)

    def test_it_can_be_used_again_after_close_and_in_another_event_loop(self, generator: Generator) -> None:
        async def once() -> str:
            text, _ = await collect(generator, QUESTION, SHORT)
            await generator.close()
            return text

        assert asyncio.run(once()) == asyncio.run(once())

    def test_it_is_ready(self, generator: Generator) -> None:
        assert asyncio.run(generator.ready()) == ""


async def read_one_and_close(generator: Generator, decoding: Decoding) -> None:
    """As a page does whose user pressed stop."""
    stream = generator.stream(QUESTION, decoding)
    async for _ in stream:
        break
    await stream.aclose()


async def read_one_and_cancel(generator: Generator, decoding: Decoding) -> None:
    """As a server does whose client went away: the reading task is cancelled."""
    begun = asyncio.Event()

    async def read() -> None:
        async for _ in generator.stream(QUESTION, decoding):
            begun.set()

    task = asyncio.create_task(read())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


GIVING_UP: list[Callable[[Generator, Decoding], Awaitable[None]]] = [read_one_and_close, read_one_and_cancel]


async def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether it came true in that time."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        await asyncio.sleep(0.01)
    return condition()
