"""A real vLLM with the smallest model: the laws of generators, cancellation, adapters at run time, and its death."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from tokenizers import Tokenizer

from rag.errors import ServerError
from rag.generate.generator import Generator, Usage, open_generator
from rag.models.folder import ModelFolder
from rag.serve import lora, processes, state, vllm
from rag.serve.vllm import Server
from rag.settings import Settings
from rag.types import Decoding, Message
from tests.rag.generate.adapter import random_adapter
from tests.rag.generate.conformance import GIVING_UP, QUESTION, SHORT, Laws, collect, until

pytestmark = pytest.mark.vllm

LONG = Decoding(max_tokens=1500)
STORY = [Message("user", "Write a long story about a ship, a storm and a lighthouse.")]


@pytest.fixture
def served(vllm_settings: Settings) -> Generator:
    return open_generator(vllm_settings)


class TestVLLM(Laws):
    @pytest.fixture
    def generator(self, served: Generator) -> Generator:
        return served


def running(settings: Settings) -> float:
    """Requests that the server works on now, by its own metrics."""
    server = vllm.status(settings)
    assert isinstance(server, Server)
    lines = httpx.get(server.url.removesuffix("/v1") + "/metrics", timeout=10).text.splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("vllm:num_requests_running"))


def test_a_start_with_the_same_settings_finds_the_running_server(vllm_settings: Settings) -> None:
    assert vllm.start(vllm_settings) == vllm.status(vllm_settings)


@pytest.mark.parametrize("give_up", GIVING_UP)
def test_giving_up_frees_the_server_at_once(
    served: Generator, vllm_settings: Settings, give_up: Callable[[Generator, Decoding], Awaitable[None]]
) -> None:
    async def run() -> bool:
        await give_up(served, LONG)
        return await until(lambda: running(vllm_settings) == 0, 5)

    assert asyncio.run(run())


def test_a_prompt_that_is_too_long_says_how_long_and_the_limit(served: Generator, vllm_settings: Settings) -> None:
    with pytest.raises(ServerError, match=r"The prompt \(30\d\d tokens .* exceed the 2048 tokens"):
        asyncio.run(collect(served, [Message("user", "hello " * 3000)], SHORT))


def test_a_name_that_is_not_served_is_answered_with_those_that_are(served: Generator, vllm_settings: Settings) -> None:
    with pytest.raises(ServerError, match=r"does not serve 'nothing'\. It serves: .*smollm2"):
        asyncio.run(collect(served, QUESTION, SHORT, "nothing"))


def test_a_lora_adapter_loaded_at_run_time_answers_otherwise_and_the_base_as_before(
    served: Generator, vllm_settings: Settings, smollm2: ModelFolder, tmp_path: Path
) -> None:
    elsewhere = random_adapter(smollm2.path, tmp_path / "random")
    with pytest.raises(ServerError, match="is not in"):
        lora.load(vllm_settings, "random", elsewhere)
    folder = vllm_settings.home / "adapters" / "random"
    shutil.copytree(elsewhere, folder)
    before, _ = asyncio.run(collect(served, QUESTION, SHORT))
    lora.load(vllm_settings, "random", folder)
    server = vllm.status(vllm_settings)
    assert isinstance(server, Server) and "random" in server.served
    adapted, _ = asyncio.run(collect(served, QUESTION, SHORT, "random"))
    after, _ = asyncio.run(collect(served, QUESTION, SHORT))
    assert adapted != before == after
    lora.load(vllm_settings, "random", folder)  # again: replaced, not refused
    assert lora.unload(vllm_settings, "random") is True and lora.unload(vllm_settings, "random") is False
    with pytest.raises(ServerError, match="does not serve 'random'"):
        asyncio.run(collect(served, QUESTION, SHORT, "random"))


def test_a_bias_decides_how_an_answer_begins(served: Generator, smollm2: ModelFolder) -> None:
    (token,) = Tokenizer.from_file(str(smollm2.path / "tokenizer.json")).encode("Yes", add_special_tokens=False).ids
    plain, _ = asyncio.run(collect(served, QUESTION, SHORT))
    biased, _ = asyncio.run(collect(served, QUESTION, replace(SHORT, bias=((token, 60.0),))))
    assert biased.startswith("Yes") and not plain.startswith("Yes")


def test_no_token_begins_with_what_is_forbidden(served: Generator) -> None:
    plain, _ = asyncio.run(collect(served, QUESTION, SHORT))
    forbidden, _ = asyncio.run(collect(served, QUESTION, replace(SHORT, forbidden=(plain.strip()[0],))))
    assert forbidden.strip() and forbidden.strip()[0] != plain.strip()[0]


def test_an_adapter_that_cannot_be_served_is_refused_with_the_reason(vllm_settings: Settings) -> None:
    folder = vllm_settings.home / "adapters" / "empty"
    folder.mkdir(parents=True, exist_ok=True)
    with pytest.raises(ServerError, match=r"The adapter 'empty' cannot be served: .*empty"):
        lora.load(vllm_settings, "empty", folder)


def test_a_server_killed_while_answering_gives_one_line_and_the_next_start_leaves_no_orphan(vllm_settings: Settings) -> None:
    generator = open_generator(vllm_settings)
    server = vllm.status(vllm_settings)
    assert isinstance(server, Server)

    async def ask() -> str:
        pieces = 0
        with pytest.raises(ServerError) as caught:
            async for piece in generator.stream(STORY, LONG):
                pieces += not isinstance(piece, Usage)
                if pieces == 3:
                    os.kill(server.pid, signal.SIGKILL)
        assert pieces >= 3
        return str(caught.value)

    assert asyncio.run(ask()) == "The model server went away while answering; start it with `atlas serve`."
    assert "not running" in asyncio.run(generator.ready())
    orphans = processes.marked(state.mark_of(vllm_settings.home))
    vllm.start(vllm_settings)
    assert not any(orphan.is_running() for orphan in orphans)
    text, _ = asyncio.run(collect(generator, QUESTION, SHORT))
    assert text, "the same generator finds the new server"
