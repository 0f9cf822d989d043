"""Generation in this process, with a real small model."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from rag.errors import ModelError
from rag.generate.generator import Generator, open_generator
from rag.models.folder import ModelFolder
from rag.settings import Settings
from rag.types import Decoding
from tests.rag.generate.adapter import random_adapter
from tests.rag.generate.conformance import GIVING_UP, QUESTION, SHORT, Laws, collect, until

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def local(smollm2: ModelFolder, tmp_path_factory: pytest.TempPathFactory) -> Generator:
    generate = {"backend": "transformers", "model": str(smollm2.path)}
    return open_generator(Settings.model_validate({"home": tmp_path_factory.mktemp("home"), "threads": 1, "generate": generate}))


class TestLocal(Laws):
    @pytest.fixture
    def generator(self, local: Generator) -> Generator:
        return local


def generating() -> int:
    return sum(thread.name == "generate" for thread in threading.enumerate())


@pytest.mark.parametrize("give_up", GIVING_UP)
def test_giving_up_ends_the_work(local: Generator, give_up: Callable[[Generator, Decoding], Awaitable[None]]) -> None:
    async def run() -> bool:
        await give_up(local, Decoding(max_tokens=2000))
        return await until(lambda: generating() == 0, 10)

    started = time.monotonic()
    assert asyncio.run(run()) and time.monotonic() - started < 30


def test_an_adapter_changes_the_answer_and_leaves_the_base_alone(local: Generator, smollm2: ModelFolder, tmp_path: Path) -> None:
    folder = random_adapter(smollm2.path, tmp_path / "random")
    before, _ = asyncio.run(collect(local, QUESTION, SHORT))
    adapted, _ = asyncio.run(collect(local, QUESTION, SHORT, str(folder)))
    after, _ = asyncio.run(collect(local, QUESTION, SHORT))
    assert adapted != before == after


def test_an_adapter_that_is_not_there_is_named(local: Generator) -> None:
    with pytest.raises(ModelError, match="There is no adapter 'nothing'"):
        asyncio.run(collect(local, QUESTION, SHORT, "nothing"))


def test_a_bias_decides_how_an_answer_begins(local: Generator, smollm2: ModelFolder) -> None:
    (token,) = Tokenizer.from_file(str(smollm2.path / "tokenizer.json")).encode("Yes", add_special_tokens=False).ids
    plain, _ = asyncio.run(collect(local, QUESTION, SHORT))
    biased, _ = asyncio.run(collect(local, QUESTION, replace(SHORT, bias=((token, 60.0),))))
    assert biased.startswith("Yes") and not plain.startswith("Yes")


def test_no_token_begins_with_what_is_forbidden(local: Generator) -> None:
    plain, _ = asyncio.run(collect(local, QUESTION, SHORT))
    forbidden, _ = asyncio.run(collect(local, QUESTION, replace(SHORT, forbidden=(plain.strip()[0],))))
    assert forbidden.strip() and forbidden.strip()[0] != plain.strip()[0]
