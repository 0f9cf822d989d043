"""The scripted generator: its words, its failures, and the laws of generators."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from rag.errors import ServerError
from rag.generate.generator import Generator, open_generator
from rag.generate.scripted import ScriptedGenerator, answer
from rag.settings import Settings
from rag.types import Decoding, Message
from tests.rag.generate.conformance import GIVING_UP, QUESTION, Laws, collect


class TestScripted(Laws):
    @pytest.fixture
    def generator(self, settings: Settings) -> Generator:
        return open_generator(settings)


def test_it_quotes_the_first_sentence_of_source_one() -> None:
    prompt = '<document id="2">\nNo.\n</document>\n<document id="1">\nLoRA was published in 2021. More.\n</document>\n\nQuestion: When?'
    assert answer([Message("user", prompt)]) == "LoRA was published in 2021. [1]"


def test_without_sources_it_repeats_the_question() -> None:
    assert answer([Message("user", "Examples...\nQuestion: A?\nQuestion: What is LoRA?\n")]) == "What is LoRA?"
    assert answer([Message("user", "Hello")]) == "Hello"


def test_it_fails_after_so_many_tokens() -> None:
    async def read() -> list[object]:
        got: list[object] = []
        with pytest.raises(ServerError, match="as it was told"):
            async for item in ScriptedGenerator(fail_after=2).stream(QUESTION, Decoding()):
                got.append(item)
        return got

    assert len(asyncio.run(read())) == 2


@pytest.mark.parametrize("give_up", GIVING_UP)
def test_a_stream_that_is_given_up_ends(give_up: Callable[[Generator, Decoding], Awaitable[None]]) -> None:
    async def run() -> None:
        generator = ScriptedGenerator(delay=0.01)
        await give_up(generator, Decoding())
        assert generator.running == 0

    asyncio.run(run())


def test_an_adapter_answers_otherwise_than_the_base() -> None:
    generator = ScriptedGenerator()
    base, _ = asyncio.run(collect(generator, QUESTION, Decoding()))
    other, _ = asyncio.run(collect(generator, QUESTION, Decoding(), adapter="mine"))
    assert other == f"(mine) {base}"
