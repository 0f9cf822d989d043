"""Synthetic QA pairs: a model asks a question about each chunk, filters decide, JSONL that `rag.qa.read_pairs` reads.

As in "Training Question Answering Models From Synthetic Data" (Puri et al. 2020), the model's own answer without the passage
filters out what needs no document.
"""

from __future__ import annotations

import asyncio
import tomllib
from collections import Counter, deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Any

from adapters.data.filters import Asked, Drafted, Limits, known, parse, problem, unseen
from adapters.data.ledger import Ledger
from adapters.data.matching import says, support, words
from adapters.data.recipes.context import ContextRecipe
from adapters.data.recipes.recipe import Material
from adapters.data.report import Made
from rag.context.prompt import build_messages, prompt_language, render_sources
from rag.errors import InputError
from rag.generate.generator import Generator, Usage
from rag.ingest.sentences import sentences
from rag.progress import Progress, silent
from rag.types import Chunk, Decoding, Message, Source

KIND = "synthetic"
"""`kind` of every pair made here."""
IN_FLIGHT = 8
AHEAD = 2 * IN_FLIGHT
"""Chunks begun before the first of them is finished: they are written in order, and a slow one must not leave the server idle."""
SHORTEST = 12
"""A chunk of fewer words is a heading or a caption."""
LIMITS = Limits()
DECODING = Decoding(max_tokens=120)

Outcome = tuple[list[Drafted], list[str]]
"""Pairs of one chunk that pass every filter but the one for duplicates, and the names of the filters that others met."""


@dataclass(frozen=True, slots=True)
class SyntheticReport:
    """Over all runs that wrote the file. `dropped`: filter -> pairs (or chunks that gave none)."""

    pairs: int
    chunks: int
    dropped: Mapping[str, int]


async def synthesise(
    chunks: Sequence[Chunk],
    generator: Generator,
    file: Path,
    *,
    count: int = 0,
    limits: Limits = LIMITS,
    decoding: Decoding = DECODING,
    progress: Progress = silent,
) -> SyntheticReport:
    """Append the pairs of each chunk to `file` as soon as it is finished; chunks finished by an earlier run are not asked again.

    Ends when the file holds `count` pairs (0: after the last chunk). Whatever cuts it off, a later call goes on from there.
    Raises what the generator raises (what was finished stays), and InputError as `Ledger` does.
    """
    ledger = Ledger(file, maker(generator.model))
    asked = unseen([str(row["question"]) for row in ledger.rows])
    finished = ledger.finished
    waiting = [chunk for chunk in chunks if chunk.id not in finished]
    begun, pairs = len(chunks) - len(waiting), len(ledger.rows)

    async def draft(chunk: Chunk) -> Outcome:
        return await _draft(chunk, generator, limits, decoding)

    def report(done: int) -> None:
        left = len(waiting) - done  # each may give a pair: where they run short, fewer than `count` can come
        progress("writing questions", *((min(pairs, count), min(count, pairs + left)) if count else (begun + done, len(chunks))))

    report(0)
    async with aclosing(_drafts(waiting if not count or pairs < count else [], draft)) as drafts:
        done = 0
        async for chunk, (kept, dropped) in drafts:
            rows, fallen = _new(chunk, kept, dropped, asked=asked, model=ledger.model)
            ledger.add(chunk.id, rows, fallen)
            done, pairs = done + 1, pairs + len(rows)
            report(done)
            if count and pairs >= count:
                break
    return SyntheticReport(pairs, len(ledger.finished), ledger.dropped)


def maker(model: str) -> str:
    """What a row says of the model that wrote it: its name, for a folder the folder's, as a path says nothing elsewhere."""
    return Path(model).name if Path(model).is_dir() else model


async def _drafts(chunks: Sequence[Chunk], draft: Callable[[Chunk], Awaitable[Outcome]]) -> AsyncGenerator[tuple[Chunk, Outcome], None]:
    """In the order of the chunks, whatever is finished first, so that every run drops the same duplicates."""
    gate = asyncio.Semaphore(IN_FLIGHT)

    async def one(chunk: Chunk) -> Outcome:
        async with gate:
            return await draft(chunk)

    rest = iter(chunks)
    tasks: deque[tuple[Chunk, asyncio.Task[Outcome]]] = deque()
    try:
        while True:
            tasks.extend((chunk, asyncio.create_task(one(chunk))) for chunk in islice(rest, AHEAD - len(tasks)))
            if not tasks:
                return
            chunk, task = tasks[0]
            found = await task
            tasks.popleft()
            yield chunk, found
    finally:
        for _, task in tasks:
            task.cancel()
        await asyncio.gather(*(task for _, task in tasks), return_exceptions=True)


async def _draft(chunk: Chunk, generator: Generator, limits: Limits, decoding: Decoding) -> Outcome:
    if len(words(chunk.text)) < SHORTEST:
        return [], ["chunk too short"]
    drafted = parse(await _said(generator, request(chunk), decoding))
    kept, dropped = [], [] if drafted else ["no question and answer in the reply"]
    for pair in drafted:
        reason = problem(pair, chunk.text, limits)
        if not reason and prompt_language(pair.question) != language(chunk):
            reason = "in another language than the passage"
        if not reason:
            alone = build_messages(pair.question, style="short")
            reason = "answerable without the passage" if known(await _said(generator, alone, decoding), pair.answer) else ""
        if reason:
            dropped.append(reason)
        else:
            kept.append(pair)
    return kept, dropped


def language(chunk: Chunk) -> str:
    """Of the question that is asked for: "ru" or "en"."""
    return "ru" if chunk.language == "ru" or prompt_language(chunk.text) == "ru" else "en"


def request(chunk: Chunk) -> list[Message]:
    """The messages that ask for a question about this chunk, in its language."""
    form = templates()[language(chunk)]
    source = Source(1, (), chunk.path, chunk.document_id, chunk.start, chunk.end, chunk.text, chunk.header)
    return [Message("system", form["system"]), Message("user", form["user"].replace("{passage}", render_sources([source])))]


@cache
def templates() -> dict[str, Any]:
    """The words of synthetic.toml: language -> role -> text."""
    return tomllib.loads(resources.files("adapters.data").joinpath("synthetic.toml").read_text(encoding="utf-8"))


async def _said(generator: Generator, messages: Sequence[Message], decoding: Decoding) -> str:
    async with aclosing(generator.stream(messages, decoding)) as pieces:
        return "".join([piece async for piece in pieces if not isinstance(piece, Usage)])


def _new(
    chunk: Chunk, kept: Sequence[Drafted], dropped: Sequence[str], *, asked: Asked, model: str
) -> tuple[list[dict[str, Any]], Counter[str]]:
    """The rows of the pairs that nobody asked yet, and the reasons of all others."""
    fallen = Counter(dropped)
    rows: list[dict[str, Any]] = []
    for pair in kept:
        if not asked.add(pair.question):
            fallen["duplicate"] += 1
            continue
        rows.append(
            {
                "id": f"{KIND}-{chunk.id}-{len(rows) + 1}",
                "question": pair.question,
                "answers": [pair.answer],
                "docs": [chunk.path],
                "gold": [{"doc": chunk.path, "span": span(chunk.text, pair.answer)}],
                "answerable": True,
                "lang": chunk.language if chunk.language != "und" else language(chunk),
                "kind": KIND,
                "source": f"{KIND}: written by {model}, not by a person",
            }
        )
    return rows, fallen


def span(text: str, answer: str) -> str:
    """The sentence of the text that says the answer, else the one with most of its words; verbatim."""
    parts = [part.strip() for part in sentences(text) if part.strip()]
    return max(parts, key=lambda part: (says(part, answer), support(part, answer)))


class SyntheticRecipe:
    """Recipe `synthetic`: the recipe `context`, over those pairs alone that a model wrote (`atlas pairs make`).

    The pairs are made beforehand: that takes the model server for as long as a training takes, and they want to be looked at.
    """

    def make(self, material: Material, limit: int) -> Made:
        """Raises InputError when no pair is synthetic, and what the recipe `context` raises."""
        written = [pair for pair in material.pairs if pair.kind == KIND]
        if not written:
            raise InputError(
                f"The recipe 'synthetic' needs pairs that a model wrote, and none of the {len(material.pairs)} pairs is one.",
                "Make them: atlas pairs make pairs.jsonl; then: atlas --set train.recipe=synthetic train --qa pairs.jsonl",
            )
        return ContextRecipe().make(replace(material, pairs=written), limit)
