"""A real vLLM with the smallest model and a second one with an adapter merged in: told apart, proven, and taken out again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters import canary, serving, store
from rag.assistant import Assistant, open_assistant
from rag.errors import UserError
from rag.models.folder import ModelFolder
from rag.serve import processes, state, vllm
from rag.settings import Settings
from rag.types import Answer
from tests.adapters.made import make_adapter

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(2400)]

QUESTION = "Write one sentence about a ship in a storm."


@pytest.fixture
def settings(smollm2: ModelFolder, model_home: Path, tmp_path: Path) -> Iterator[Settings]:
    """On a CPU: the adapter is merged. Compiled graphs are kept in the home of the models."""
    (model_home / "cache").mkdir(parents=True, exist_ok=True)
    (tmp_path / "cache").symlink_to((model_home / "cache").resolve())
    made = Settings.model_validate(
        {
            "home": tmp_path,
            "models": {"hub": False},
            "embed": {"backend": "hash"},
            "generate": {"model": str(smollm2.path), "timeout": 300, "max_tokens": 24},
            "serve": {"port": 8140, "adapters": "merged", "kv_cache_gb": 1, "max_model_len": 2048, "start_timeout": 1200},
        }
    )
    yield made
    vllm.stop(made)
    assert not processes.marked(state.mark_of(tmp_path))


def ask(assistant: Assistant, arm: str) -> Answer:
    async def answer() -> Answer:
        try:
            return await assistant.answer(QUESTION, arm)
        finally:
            await assistant.close()

    return asyncio.run(answer())


def test_a_merged_adapter_answers_beside_the_base_and_both_are_proven(settings: Settings) -> None:
    make_adapter("one", settings, size=0.04)
    assistant = open_assistant(settings)
    done = serving.load("one", settings)
    assert done.route.way == "merged" and done.report.proven, done.report
    assert max(done.report.distances["base - base"], done.report.distances["adapter - adapter"]) <= canary.TOLERANCE
    plain, adapted, after = ask(assistant, "zero-shot"), ask(assistant, "lora"), ask(assistant, "zero-shot")
    assert plain.text == after.text != adapted.text
    assert (plain.provenance.adapter, plain.provenance.adapter_sha256) == (None, None)
    assert (adapted.provenance.adapter, adapted.provenance.adapter_sha256) == ("one", store.find("one", settings.home).sha256)
    assert canary.check("one", settings).proven
    assert serving.unload("one", settings) and vllm.status(settings, name=done.route.server) is None
    with pytest.raises(UserError, match="needs an adapter"):
        ask(assistant, "lora")
    assert ask(assistant, "zero-shot").text == plain.text
