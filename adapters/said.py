"""What a model says to the canary prompts, read from weights, from a server or through a generator, and how far two readings differ."""

from __future__ import annotations

import asyncio
import os
import tomllib
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from adapters.card import Reference, Said
from adapters.method import Method
from rag.context.prompt import build_messages
from rag.errors import ServerError
from rag.generate.generator import Generator, Usage
from rag.progress import Progress, silent
from rag.settings import Settings
from rag.types import Decoding, Message, Source, content_id

if TYPE_CHECKING:
    from openai import OpenAI

TOP = 20
"""Likeliest first tokens that are read: as many as vLLM gives."""
COMPARED = 5
"""Of those, the ones that are compared: further down the differences are noise."""
TEXT_TOKENS = 8
GREEDY: dict[str, Any] = {"max_new_tokens": TEXT_TOKENS, "do_sample": False, "repetition_penalty": 1.0, "no_repeat_ngram_size": 0}
"""What a model's own file says beside this (a repetition penalty) the server ignores, too."""

Readings = Sequence[Said]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two readings of the same prompts. `mean` and `largest`: absolute difference of log-probability (nats) of the likeliest first
    tokens; `top1`: share of prompts whose likeliest token is the same, or nearly as likely; `text`: share of equal texts.

    Where one side has no log-probabilities, `mean` and `largest` are the share of texts that differ.
    """

    mean: float
    largest: float
    top1: float
    text: float


@cache
def prompts() -> tuple[tuple[Message, ...], ...]:
    """The canary prompts as they would be served: by the same function, from the same templates."""
    rows = tomllib.loads(resources.files("adapters").joinpath("canary.toml").read_text(encoding="utf-8"))["prompt"]
    return tuple(tuple(build_messages(row["question"], style="short", sources=_sources(row["passages"]))) for row in rows)


def prompts_hash() -> str:
    """16 hex digits; another template gives another one."""
    return content_id(repr(prompts()), str(TOP), str(TEXT_TOKENS))


def read_model(model: Any, tokenizer: Any, *, progress: Progress = silent) -> tuple[Said, ...]:
    """By a transformers model in this process, bare or with an adapter."""
    import torch

    found: list[Said] = []
    for messages in prompts():
        progress("canary prompts", len(found), len(prompts()))
        spoken = [{"role": message.role, "content": message.content} for message in messages]
        given = tokenizer.apply_chat_template(spoken, add_generation_prompt=True, return_tensors="pt", return_dict=True).to(model.device)
        with torch.inference_mode():
            written = model.generate(**given, **GREEDY, output_logits=True, return_dict_in_generate=True)
        scores = torch.log_softmax(written.logits[0][0].float(), dim=-1)
        top = scores.topk(min(TOP, len(scores)))
        likeliest = {int(token): float(score) for token, score in zip(top.indices, top.values, strict=True)}
        text = tokenizer.decode(written.sequences[0, given["input_ids"].shape[1] :], skip_special_tokens=True)
        found.append(Said(text=text, top=likeliest))
    progress("canary prompts", len(found), len(prompts()))
    return tuple(found)


def reference(model: Any, method: Method, tokenizer: Any, *, progress: Progress = silent) -> Reference:
    """What a model with an adapter on it says, and what it says while the adapter is disabled."""
    adapter = read_model(model, tokenizer, progress=progress)
    with method.disabled(model):
        return Reference(prompts=prompts_hash(), base=read_model(model, tokenizer, progress=progress), adapter=adapter)


def read_server(url: str, served: str, settings: Settings) -> tuple[Said, ...]:
    """By a server that speaks the OpenAI protocol. Raises ServerError when it does not answer."""
    import httpx
    from openai import OpenAI

    from rag.generate.failures import translated

    key, timeout = os.environ.get(settings.generate.api_key_env) or "none", settings.generate.timeout
    managed = settings.generate.backend == "vllm"
    try:
        with httpx.Client(trust_env=not managed, timeout=timeout) as http:
            taken: Any = http  # the client takes httpx as well as the successor that its types name
            client = OpenAI(base_url=url, api_key=key, http_client=taken, timeout=timeout, max_retries=2)
            return tuple(_asked(client, served, messages) for messages in prompts())
    except Exception as exc:
        failure = translated(exc, url=url, model=served, timeout=timeout, begun=False, start="atlas serve")
        if failure is None:
            raise
        raise failure from exc


def read_generator(generator: Generator, *, adapter: str | None = None) -> tuple[Said, ...]:
    """By a generator of ours, as an assistant asks it; log-probabilities only from one in this process."""

    async def text(messages: Sequence[Message]) -> str:
        async with aclosing(generator.stream(messages, Decoding(max_tokens=TEXT_TOKENS), adapter=adapter)) as pieces:
            return "".join([piece async for piece in pieces if not isinstance(piece, Usage)])

    async def every() -> tuple[Said, ...]:
        return tuple([Said(text=await text(messages), top=likeliest(messages)) for messages in prompts()])

    def likeliest(messages: Sequence[Message]) -> dict[int, float]:
        from rag.generate.local import LocalGenerator

        return generator.likeliest(messages, adapter=adapter, top=TOP) if isinstance(generator, LocalGenerator) else {}

    return asyncio.run(every())


def compare(one: Readings, other: Readings, *, tie: float = 0.3) -> Agreement:
    """`tie`: two tokens whose log-probabilities are as close as this may change places."""
    pairs = list(zip(one, other, strict=True))
    text = sum(a.text.strip() == b.text.strip() for a, b in pairs) / len(pairs)
    if not all(a.top and b.top for a, b in pairs):
        return Agreement(1 - text, 1 - text, text, text)
    differences = [_differences(a.top, b.top) + _differences(b.top, a.top) for a, b in pairs]
    mean = sum(sum(each) / len(each) for each in differences) / len(pairs)
    top1 = sum(_same_top(a.top, b.top, tie) for a, b in pairs) / len(pairs)
    return Agreement(mean, max(max(each) for each in differences), top1, text)


def _differences(top: dict[int, float], other: dict[int, float]) -> list[float]:
    """Of the likeliest tokens of `top`; one that `other` does not list differs by at least its distance to the least likely there."""
    least = min(other.values())
    best = sorted(top, key=lambda token: -top[token])[:COMPARED]
    return [abs(top[token] - other[token]) if token in other else max(0.0, top[token] - least) for token in best]


def _same_top(top: dict[int, float], other: dict[int, float], tie: float) -> bool:
    here, there = max(top, key=lambda token: top[token]), max(other, key=lambda token: other[token])
    return here == there or top[here] - top.get(there, float("-inf")) <= tie


def _asked(client: OpenAI, served: str, messages: Sequence[Message]) -> Said:
    spoken: Any = [{"role": message.role, "content": message.content} for message in messages]
    answer = client.chat.completions.create(
        model=served,
        messages=spoken,
        temperature=0,
        seed=0,
        max_tokens=TEXT_TOKENS,
        logprobs=True,
        top_logprobs=TOP,
        extra_body={"return_tokens_as_token_ids": True},  # vLLM's: the tokens' texts are not unique
    )
    if not answer.choices:
        raise ServerError(f"The model server at {client.base_url} gave no answer for '{served}'.", "Its log says more.")
    choice = answer.choices[0]
    first = choice.logprobs.content[0].top_logprobs if choice.logprobs and choice.logprobs.content else []
    top = {int(row.token.removeprefix("token_id:")): row.logprob for row in first if row.token.startswith("token_id:")}
    return Said(text=choice.message.content or "", top=top)


def _sources(passages: Sequence[str]) -> list[Source]:
    starts = [0]
    for text in passages:
        starts.append(starts[-1] + len(text))
    spans = list(pairwise(starts))
    return [Source(number, (), "canary", "canary", *spans[number - 1], text) for number, text in enumerate(passages, 1)]
