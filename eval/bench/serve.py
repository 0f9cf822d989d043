"""What our path costs over the bare model server: time to first token, and throughput with many questions at once.

Four paths, the same prompts: `bare` (one HTTP request, its lines read and nothing more), `client` (our generator),
`assistant` (everything: the question embedded, searched, packed into a prompt, generated, cited), and, for throughput only,
`evaluation` (as `atlas eval` asks: over frozen passages, each answer written to a journal). The server has seen every
prompt before it is timed, so that its prefix cache makes all paths equal and what remains is what they add.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from eval.arms.arm import Bench, Spec
from eval.arms.atlas import Grounded
from eval.intervals import Bootstrap, Interval
from eval.journal import Journal
from eval.runner import retrieval_of
from eval.types import Case
from rag.assistant import Assistant, open_assistant
from rag.errors import ServerError
from rag.generate.generator import Usage
from rag.progress import Progress, silent
from rag.qa import Pair
from rag.serve import vllm
from rag.settings import Settings
from rag.types import Context, Decoding, Message, Token

ALONE = ("bare", "client", "assistant")
PATHS = (*ALONE, "evaluation")
ANSWER_TOKENS = 32


@dataclass(frozen=True, slots=True)
class PathReport:
    """`first_token`: median seconds for one question alone; `added`: mean seconds over `bare`, paired, with its interval; neither
    for `evaluation`, which nobody waits for.

    `rates`: questions per second with `in_flight` at once, one number per round; `share`: median over rounds of ours / bare.
    """

    path: str
    first_token: float | None
    added: Interval | None
    rates: tuple[float, ...]
    share: float


@dataclass(frozen=True, slots=True)
class ServeReport:
    model: str
    url: str
    questions: int
    prompt_tokens: float
    in_flight: int
    paths: tuple[PathReport, ...]


Ask = Callable[[int], AsyncIterator[str]]


async def bench_serve(
    settings: Settings, questions: Sequence[str], *, rounds: int = 3, in_flight: int = 16, progress: Progress = silent
) -> ServeReport:
    """Ask every question by every path, alone and then `in_flight` at once, the paths taking turns.

    Needs the managed server or an endpoint, and the index. Raises UserError: one of them is missing.
    """
    context = settings.context.model_copy(update={"abstain": False})
    generate = settings.generate.model_copy(update={"temperature": 0.0, "max_tokens": ANSWER_TOKENS})
    settings = settings.model_copy(update={"context": context, "generate": generate})
    assistant = open_assistant(settings)
    try:
        if waiting := await assistant.ready():
            raise ServerError(f"The benchmark needs a model server and an index: {waiting}.", "Start it: atlas serve")
        url = _url(settings)
        limits = httpx.Limits(max_connections=None)
        with tempfile.TemporaryDirectory() as scratch, closing(Journal(Path(scratch) / "replies.jsonl")) as journal:
            async with httpx.AsyncClient(timeout=settings.generate.timeout, limits=limits) as client:
                contexts = [await assistant.retrieve(question) for question in questions]
                prompts = [assistant.prompt(context.question, "rag", context=context) for context in contexts]
                asks = _asks(assistant, contexts, prompts, (client, url)) | {"evaluation": _evaluation(assistant, contexts, journal)}
                tokens = await _warm(assistant, prompts, progress)
                first = await _alone(asks, len(questions), rounds, progress)
                rates = await _together(asks, len(questions), rounds, in_flight, progress)
    finally:
        await assistant.close()
    paths = tuple(_report(path, first, rates) for path in PATHS)
    return ServeReport(settings.generate.model, url, len(questions), statistics.fmean(tokens), in_flight, paths)


def _url(settings: Settings) -> str:
    if settings.generate.backend == "openai":
        return settings.generate.base_url.rstrip("/")
    server = vllm.status(settings)
    if isinstance(server, vllm.Server):
        return server.url
    raise ServerError("The benchmark needs the managed model server.", "Start it: atlas serve")


def _asks(
    assistant: Assistant, contexts: Sequence[Context], prompts: Sequence[Sequence[Message]], endpoint: tuple[httpx.AsyncClient, str]
) -> dict[str, Ask]:
    """For each path: number of a question -> its answer, piece by piece."""
    decoding = assistant.decoding()

    async def client(number: int) -> AsyncIterator[str]:
        async for piece in assistant.generator.stream(prompts[number], decoding):
            if not isinstance(piece, Usage):
                yield piece

    async def whole(number: int) -> AsyncIterator[str]:
        async for event in assistant.stream(contexts[number].question, "rag"):
            if isinstance(event, Token):
                yield event.text

    def bare(number: int) -> AsyncIterator[str]:
        return _bare(endpoint, assistant.generator.model, prompts[number], decoding)

    return {"bare": bare, "client": client, "assistant": whole}


def _evaluation(assistant: Assistant, contexts: Sequence[Context], journal: Journal) -> Ask:
    """As the runner of `atlas eval` does it: the arm over its frozen context, the reply into the journal."""
    cases = tuple(Case(Pair(str(number), context.question)) for number, context in enumerate(contexts))
    frozen = {case.id: context for case, context in zip(cases, contexts, strict=True)}
    arm = Grounded.open(Spec("rag", "rag"), Bench(assistant, cases, frozen))

    async def ask(number: int) -> AsyncIterator[str]:
        case = cases[number]
        reply = await arm(case, retrieval_of(case, contexts[number]))
        journal.append(reply)
        yield reply.text

    return ask


async def _bare(endpoint: tuple[httpx.AsyncClient, str], model: str, messages: Sequence[Message], decoding: Decoding) -> AsyncIterator[str]:
    client, url = endpoint
    body = {
        "model": model,
        "messages": [{"role": message.role, "content": message.content} for message in messages],
        "temperature": decoding.temperature,
        "max_tokens": decoding.max_tokens,
        "seed": decoding.seed,
        "stream": True,
    }
    async with client.stream("POST", f"{url}/chat/completions", json=body) as answer:
        answer.raise_for_status()
        async for line in answer.aiter_lines():
            if line.startswith("data: {"):
                text = json.loads(line[6:])["choices"][0]["delta"].get("content")
                if text:
                    yield text


async def _warm(assistant: Assistant, prompts: Sequence[Sequence[Message]], progress: Progress) -> list[int]:
    """Every prompt once, so that the server's prefix cache holds it; returns the prompts' tokens."""
    tokens: list[int] = []
    for done, messages in enumerate(prompts):
        progress("warming up", done, len(prompts))
        async for piece in assistant.generator.stream(messages, replace(assistant.decoding(), max_tokens=1)):
            if isinstance(piece, Usage):
                tokens.append(piece.prompt_tokens)
    progress("warming up", len(prompts), len(prompts))
    return tokens


async def _alone(asks: Mapping[str, Ask], questions: int, rounds: int, progress: Progress) -> dict[str, list[float]]:
    """Seconds to the first piece, one question at a time; the paths take turns in going first."""
    seconds: dict[str, list[float]] = {path: [] for path in ALONE}
    total = rounds * questions
    for number in range(total):
        turn = number % len(ALONE)
        for path in ALONE[turn:] + ALONE[:turn]:
            seconds[path].append(await _first(asks[path](number % questions)))
        progress("one at a time", number + 1, total)
    return seconds


async def _first(pieces: AsyncIterator[str]) -> float:
    began = time.perf_counter()
    first = 0.0
    async for _ in pieces:
        first = first or time.perf_counter() - began
    return first


async def _together(asks: Mapping[str, Ask], questions: int, rounds: int, in_flight: int, progress: Progress) -> dict[str, list[float]]:
    """Questions per second, all of them with at most `in_flight` at once; the paths take turns within a round."""
    rates: dict[str, list[float]] = {path: [] for path in PATHS}
    for number in range(rounds):
        turn = number % len(PATHS)
        for path in PATHS[turn:] + PATHS[:turn]:
            rates[path].append(questions / await _timed(asks[path], questions, in_flight))
        progress(f"{in_flight} at once", number + 1, rounds)
    return rates


async def _timed(ask: Ask, questions: int, in_flight: int) -> float:
    gate = asyncio.Semaphore(in_flight)

    async def one(number: int) -> None:
        async with gate:
            async for _ in ask(number):
                continue

    began = time.perf_counter()
    work: list[Awaitable[None]] = [one(number) for number in range(questions)]
    await asyncio.gather(*work)
    return time.perf_counter() - began


def _report(path: str, first: Mapping[str, Sequence[float]], rates: Mapping[str, Sequence[float]]) -> PathReport:
    alone = path in ALONE
    added = Bootstrap(range(len(first[path]))).difference(first[path], first["bare"]) if alone else None
    share = statistics.median(ours / bare for ours, bare in zip(rates[path], rates["bare"], strict=True))
    return PathReport(path, statistics.median(first[path]) if alone else None, added, tuple(rates[path]), share)
