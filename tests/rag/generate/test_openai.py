"""The OpenAI client against a small server that misbehaves on purpose; no model."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rag.errors import ServerError
from rag.generate.generator import Generator, open_generator
from rag.settings import Settings
from rag.types import Decoding, Message
from tests.rag.generate.conformance import GIVING_UP, QUESTION, SHORT, Laws, collect, until
from tests.rag.generate.fake_server import Behaviour, FakeServer, serving


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with serving(Behaviour()) as running:
        yield running


def generator_at(url: str, words: Path, **generate: Any) -> Generator:
    options = {"backend": "openai", "base_url": url, "model": "fake", "tokenizer": str(words), **generate}
    return open_generator(Settings.model_validate({"models": {"hub": False}, "generate": options}))


class TestOpenAI(Laws):
    @pytest.fixture
    def generator(self, server: FakeServer, words: Path) -> Generator:
        return generator_at(server.url, words)


def failure(generator: Generator, *, adapter: str | None = None, messages: list[Message] = QUESTION) -> str:
    with pytest.raises(ServerError) as caught:
        asyncio.run(collect(generator, messages, SHORT, adapter))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_request_says_everything_that_decoding_says(server: FakeServer, words: Path) -> None:
    decoding = Decoding(temperature=0.5, max_tokens=9, top_p=0.8, seed=3, stop=("zzz",), bias=((40, -1.5),))
    asyncio.run(collect(generator_at(server.url, words), QUESTION, decoding))
    sent = server.behaviour.requests[0]
    assert {key: sent[key] for key in ("temperature", "max_tokens", "top_p", "seed", "stop", "logit_bias")} == {
        "temperature": 0.5,
        "max_tokens": 9,
        "top_p": 0.8,
        "seed": 3,
        "stop": ["zzz"],
        "logit_bias": {"40": -1.5},
    }
    assert sent["messages"] == [{"role": "user", "content": QUESTION[0].content}] and sent["stream_options"] == {"include_usage": True}


def test_forbidden_tokens_are_those_of_the_tokenizer_and_none_where_there_is_none(server: FakeServer, words: Path) -> None:
    forbidding = replace(SHORT, bias=((40, -1.5),), forbidden=("[",))
    asyncio.run(collect(generator_at(server.url, words), QUESTION, forbidding))
    asyncio.run(collect(generator_at(server.url, words, tokenizer=""), QUESTION, forbidding))
    assert [sent["logit_bias"] for sent in server.behaviour.requests] == [{"0": -100, "40": -1.5}, {"40": -1.5}], "0 is [UNK]"


def test_an_adapter_is_asked_for_by_its_served_name(server: FakeServer, words: Path) -> None:
    text, _ = asyncio.run(collect(generator_at(server.url, words), QUESTION, SHORT, "adapter"))
    assert text.startswith("(adapter)") and server.behaviour.requests[0]["model"] == "adapter"


@pytest.mark.parametrize("give_up", GIVING_UP)
def test_giving_up_closes_the_stream_so_that_the_server_stops(
    server: FakeServer, words: Path, give_up: Callable[[Generator, Decoding], Awaitable[None]]
) -> None:
    server.behaviour.delay = 0.2

    async def run() -> bool:
        await give_up(generator_at(server.url, words), Decoding())
        return await until(lambda: server.behaviour.aborted == 1 and server.behaviour.running == 0, 1.0)

    assert asyncio.run(run())


def test_a_restarting_server_is_tried_again_before_the_first_token(server: FakeServer, words: Path) -> None:
    server.behaviour.statuses = [503, 502]
    text, _ = asyncio.run(collect(generator_at(server.url, words), QUESTION, SHORT))
    assert text and len(server.behaviour.requests) == 3


def test_the_pauses_grow_and_end(server: FakeServer, words: Path) -> None:
    server.behaviour.statuses = [503] * 10
    started = time.monotonic()
    assert "is not ready (HTTP 503)" in failure(generator_at(server.url, words, retries=2))
    assert len(server.behaviour.requests) == 3 and 0.75 <= time.monotonic() - started < 3


def test_a_server_that_comes_up_late_is_waited_for(words: Path) -> None:
    with serving(Behaviour()) as first:
        port = first.server_address[1]
    generator = generator_at(f"http://127.0.0.1:{port}/v1", words)

    async def ask() -> str:
        asking = asyncio.create_task(collect(generator, QUESTION, SHORT))
        await asyncio.sleep(0.1)
        with serving(Behaviour(), port):
            return (await asking)[0]

    assert asyncio.run(ask())


def test_a_server_that_is_not_there_is_named(words: Path) -> None:
    said = failure(generator_at("http://127.0.0.1:9/v1", words, retries=0))
    assert "http://127.0.0.1:9/v1 cannot be reached" in said and "atlas serve" in said
    assert "no model server at http://127.0.0.1:9/v1" in asyncio.run(generator_at("http://127.0.0.1:9/v1", words).ready())


def test_a_model_that_is_not_served_is_answered_with_those_that_are(server: FakeServer, words: Path) -> None:
    assert "does not serve 'other'. It serves: fake, adapter." in failure(generator_at(server.url, words), adapter="other")


def test_a_prompt_that_is_too_long_is_measured(server: FakeServer, words: Path) -> None:
    said = failure(generator_at(server.url, words), messages=[Message("user", "word " * 2000)])
    assert "2000 tokens" in said and "the 1000 tokens that fake takes" in said and "context.budget_tokens" in said
    assert len(server.behaviour.requests) == 1


def test_a_server_killed_while_it_answers_gives_one_clear_line(server: FakeServer, words: Path) -> None:
    server.behaviour.die_after = 3
    assert failure(generator_at(server.url, words)) == "The model server went away while answering; start it with `atlas serve`."
    assert len(server.behaviour.requests) == 1, "an answer that had begun must not be asked for again"


def test_a_server_killed_before_the_first_token_is_asked_again(server: FakeServer, words: Path) -> None:
    server.behaviour.die_after = 0
    assert "cannot be reached" in failure(generator_at(server.url, words, retries=1))
    assert len(server.behaviour.requests) == 2


def test_no_new_token_for_the_timeout_ends_the_wait(server: FakeServer, words: Path) -> None:
    server.behaviour.hang_after = 2
    started = time.monotonic()
    assert "No new token" in failure(generator_at(server.url, words, timeout=0.3))
    assert time.monotonic() - started < 3


def test_a_server_that_does_not_count_is_counted_for(server: FakeServer, words: Path) -> None:
    server.behaviour.usage = False
    text, usage = asyncio.run(collect(generator_at(server.url, words), QUESTION, SHORT))
    assert usage.answer_tokens == len(text.split()) and usage.prompt_tokens == len(QUESTION[0].content.split())


def test_without_a_tokenizer_tokens_are_estimated(server: FakeServer, words: Path) -> None:
    generator = generator_at(server.url, words, tokenizer="")
    assert generator.count_tokens("a" * 30) == 10 and generator.count_tokens("") == 0


def test_a_url_that_is_none_is_refused_before_anything_is_asked(words: Path) -> None:
    with pytest.raises(ServerError, match=r"generate\.base_url = '' is not the URL"):
        generator_at("", words)


def test_the_managed_server_that_is_not_running_says_how_to_start_it(settings: Settings, words: Path) -> None:
    options = settings.generate.model_copy(update={"backend": "vllm", "model": str(words), "retries": 1})
    generator = open_generator(settings.model_copy(update={"generate": options}))
    assert failure(generator) == "The model server is not running. Start it: atlas serve"
    assert "not running" in asyncio.run(generator.ready())
