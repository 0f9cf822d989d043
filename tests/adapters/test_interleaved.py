"""Two adapters with opposite answers and the base model, asked at once from one vLLM: none ever answers with another's weights."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from adapters import canary, serving, store
from adapters.card import BaseWeights, Card
from adapters.method import METHODS, read_options
from rag.context.prompt import template_hash
from rag.errors import ServerError
from rag.generate.generator import Usage
from rag.generate.routed import RoutedGenerator
from rag.models.folder import ModelFolder
from rag.serve import lora, processes, state, vllm
from rag.settings import Settings
from rag.types import Decoding, Message

pytestmark = [pytest.mark.vllm, pytest.mark.slow, pytest.mark.timeout(2400)]

PROMPTS = ("Where do the geese fly?", "What is the capital of France?", "Count to three.", "Hello, who are you?")
WORDS = ("north", "south")
"""What each adapter, called by its word, learns to answer to every prompt."""
REQUESTS = 300
IN_FLIGHT = 16
DECODING = Decoding(max_tokens=3)
TRAINED = 0.02
"""Loss at which an adapter has learned its word."""


@dataclass(frozen=True, slots=True)
class Said:
    adapter: str | None
    prompt: str
    text: str
    sha256: str | None


@pytest.fixture(scope="module")
def settings(smollm2: ModelFolder, model_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """One vLLM that takes adapters per request, with both loaded."""
    home = tmp_path_factory.mktemp("interleaved")
    (model_home / "cache").mkdir(parents=True, exist_ok=True)
    (home / "cache").symlink_to((model_home / "cache").resolve())
    made = Settings.model_validate(
        {
            "home": home,
            "models": {"hub": False},
            "generate": {"model": str(smollm2.path), "timeout": 300},
            "serve": {
                "port": 8160,
                "adapters": "vllm",
                "lora": "on",
                "max_lora_rank": 8,
                "kv_cache_gb": 1,
                "max_model_len": 2048,
                "start_timeout": 1200,
                "max_adapters": 2,
            },
        }
    )
    for word in WORDS:
        teach(word, smollm2, made)
    for name in WORDS:
        serving.load(name, made)
    yield made
    vllm.stop(made)
    assert not processes.marked(state.mark_of(home))


def teach(word: str, base: ModelFolder, settings: Settings) -> None:
    """A small LoRA that answers `word` to every prompt: a few steps of AdamW over all prompts at once."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(0)
    method, tokenizer = METHODS.load("lora")(), AutoTokenizer.from_pretrained(base.path)
    bare: Any = AutoModelForCausalLM.from_pretrained(base.path, dtype=torch.float32)
    model = method.attach(bare, read_options(method, {"r": 8, "alpha": 16, "targets": "attention"}))
    optimizer = torch.optim.AdamW([each for each in model.parameters() if each.requires_grad], lr=2e-3)
    target = [*tokenizer.encode(word, add_special_tokens=False), tokenizer.eos_token_id]
    rows = [torch.tensor([[*prompt_ids(tokenizer, prompt), *target]]) for prompt in PROMPTS]
    for _ in range(40):
        optimizer.zero_grad()
        losses = []
        for row in rows:
            scores = model(row[:, :-1]).logits[0, -len(target) :].float()
            loss: Any = torch.nn.functional.cross_entropy(scores, row[0, -len(target) :])
            loss.backward()
            losses.append(float(loss.detach()))
        optimizer.step()
        if max(losses) < TRAINED:
            break
    assert max(losses) < 5 * TRAINED, losses
    with store.written(word, settings.home) as folder:
        method.save(model, folder)
        Card(
            name=word,
            base=BaseWeights(model=base.name, revision=base.revision),
            method="lora",
            options={"r": 8},
            routes=method.routes,
            template=template_hash(),
            sha256=store.weights_sha256(folder),
        ).write(folder)


def prompt_ids(tokenizer: Any, prompt: str) -> list[int]:
    text = tokenizer.apply_chat_template([{"role": "user", "content": prompt}], add_generation_prompt=True, tokenize=False)
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False)
    return ids


async def ask(generator: RoutedGenerator, adapter: str | None, prompt: str) -> Said:
    pieces, sha256 = [], None
    async for piece in generator.stream([Message("user", prompt)], DECODING, adapter=adapter):
        if isinstance(piece, Usage):
            sha256 = piece.adapter_sha256
        else:
            pieces.append(piece)
    return Said(adapter, prompt, "".join(pieces).strip().lower(), sha256)


async def every(generator: RoutedGenerator, asked: list[tuple[str | None, str]]) -> list[Said]:
    gate = asyncio.Semaphore(IN_FLIGHT)

    async def one(adapter: str | None, prompt: str) -> Said:
        async with gate:
            return await ask(generator, adapter, prompt)

    try:
        return list(await asyncio.gather(*(one(adapter, prompt) for adapter, prompt in asked)))
    finally:
        await generator.close()


def test_none_of_hundreds_of_interleaved_requests_is_answered_by_other_weights(settings: Settings) -> None:
    drawn = random.Random(0)
    alone = {each.prompt: each.text for each in base_alone(settings)}
    assert not any(text.startswith(WORDS) for text in alone.values())
    asked: list[tuple[str | None, str]] = [(drawn.choice((*WORDS, None)), drawn.choice(PROMPTS)) for _ in range(REQUESTS)]
    said = asyncio.run(every(RoutedGenerator.open(settings), asked))
    assert not [each for each in said if each.adapter and not (each.text and each.adapter.startswith(each.text))]
    base = [each for each in said if each.adapter is None]
    assert not [each for each in base if each.text.startswith(WORDS)]
    assert sum(each.text == alone[each.prompt] for each in base) > 0.9 * len(base), "batches round differently; the words stay"
    assert min(Counter(each.adapter for each in said).values()) > REQUESTS / 4, "all three were asked often"
    for name in WORDS:
        assert {each.sha256 for each in said if each.adapter == name} == {store.find(name, settings.home).sha256}


def test_one_adapter_more_than_the_server_takes_is_refused(settings: Settings) -> None:
    with pytest.raises(ServerError, match=r"serve\.max_adapters is 2"):
        lora.load(settings, "third", settings.home / "adapters" / "north")


def base_alone(settings: Settings) -> list[Said]:
    return asyncio.run(every(RoutedGenerator.open(settings), [(None, prompt) for prompt in PROMPTS]))


def test_both_adapters_and_the_base_are_proven_to_be_themselves(settings: Settings) -> None:
    assert all(canary.check(name, settings).proven for name in WORDS)


def test_one_adapter_is_taken_out_while_the_other_answers(settings: Settings) -> None:
    generator = RoutedGenerator.open(settings)

    async def answered_meanwhile() -> list[Said]:
        unloading = asyncio.create_task(asyncio.to_thread(serving.unload, "north", settings))
        said = await every(generator, [("south", prompt) for prompt in PROMPTS * 10])
        assert await unloading
        return said

    assert all(each.text and "south".startswith(each.text) for each in asyncio.run(answered_meanwhile()))
