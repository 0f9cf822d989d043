"""Synthetic QA pairs: a model asks a question about each chunk, filters decide, JSONL that `rag.qa.read_pairs` reads.

As in "Training Question Answering Models From Synthetic Data" (Puri et al. 2020), the model's own answer without the passage
filters out what needs no document.
"""

from __future__ import annotations

import asyncio
import json
import os
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from adapters.data.filters import Asked, Drafted, Limits, known, parse, problem, unseen
from adapters.data.matching import says, support, words
from rag.context.prompt import build_messages, prompt_language, render_sources
from rag.errors import InputError
from rag.generate.generator import Generator, Usage
from rag.ingest.sentences import sentences
from rag.progress import Progress, silent
from rag.types import Chunk, Decoding, Message, Source

IN_FLIGHT = 8
SHORTEST = 12
"""A chunk of fewer words is a heading or a caption."""
LIMITS = Limits()
DECODING = Decoding(max_tokens=120)


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
    limits: Limits = LIMITS,
    decoding: Decoding = DECODING,
    progress: Progress = silent,
) -> SyntheticReport:
    """Append the pairs of each chunk to `file` as soon as it is finished; chunks finished by an earlier run are not asked again.

    `<file>.work` beside it holds one line per finished chunk and is what a later run goes on from. Raises what the
    generator raises (what was finished stays), InputError when `.work` is damaged.
    """
    ledger = file.with_name(f"{file.name}.work")
    entries = _resume(ledger, file)
    finished = {str(entry["chunk"]) for entry in entries}
    asked = unseen([str(row["question"]) for entry in entries for row in entry["rows"]])
    waiting = [chunk for chunk in chunks if chunk.id not in finished]
    for start in range(0, len(waiting), IN_FLIGHT):
        batch = waiting[start : start + IN_FLIGHT]
        drafts = await asyncio.gather(*(_draft(chunk, generator, limits, decoding) for chunk in batch))
        for chunk, (kept, dropped) in zip(batch, drafts, strict=True):
            entries.append(_entry(chunk, kept, dropped, asked, generator.model))
            _append(ledger, [entries[-1]])
            _append(file, entries[-1]["rows"])
        progress("writing questions", len(finished) + start + len(batch), len(finished) + len(waiting))
    dropped_in_all: Counter[str] = Counter()
    for entry in entries:
        dropped_in_all.update(entry["dropped"])
    return SyntheticReport(sum(len(entry["rows"]) for entry in entries), len(entries), dict(sorted(dropped_in_all.items())))


async def _draft(chunk: Chunk, generator: Generator, limits: Limits, decoding: Decoding) -> tuple[list[Drafted], list[str]]:
    """The pairs of one chunk that pass every filter but the one for duplicates, and the names of the filters that others met."""
    if len(words(chunk.text)) < SHORTEST:
        return [], ["chunk too short"]
    drafted = parse(await _said(generator, request(chunk), decoding))
    kept, dropped = [], [] if drafted else ["no question and answer in the reply"]
    for pair in drafted:
        reason = problem(pair, chunk.text, limits)
        if not reason:
            alone = build_messages(pair.question, style="short")
            reason = "answerable without the passage" if known(await _said(generator, alone, decoding), pair.answer) else ""
        if reason:
            dropped.append(reason)
        else:
            kept.append(pair)
    return kept, dropped


def request(chunk: Chunk) -> list[Message]:
    """The messages that ask for a question about this chunk, in its language."""
    form = templates()["ru" if chunk.language == "ru" or prompt_language(chunk.text) == "ru" else "en"]
    source = Source(1, (), chunk.path, chunk.document_id, chunk.start, chunk.end, chunk.text, chunk.header)
    return [Message("system", form["system"]), Message("user", form["user"].replace("{passage}", render_sources([source])))]


@cache
def templates() -> dict[str, Any]:
    """The words of synthetic.toml: language -> role -> text."""
    return tomllib.loads(resources.files("adapters.data").joinpath("synthetic.toml").read_text(encoding="utf-8"))


async def _said(generator: Generator, messages: Sequence[Message], decoding: Decoding) -> str:
    async with aclosing(generator.stream(messages, decoding)) as pieces:
        return "".join([piece async for piece in pieces if not isinstance(piece, Usage)])


def _entry(chunk: Chunk, kept: Sequence[Drafted], dropped: Sequence[str], asked: Asked, model: str) -> dict[str, Any]:
    """The ledger's line of one chunk; here duplicates fall, in chunk order, so that every run drops the same ones."""
    fallen = Counter(dropped)
    rows: list[dict[str, Any]] = []
    for pair in kept:
        if not asked.add(pair.question):
            fallen["duplicate"] += 1
            continue
        language = chunk.language if chunk.language != "und" else prompt_language(pair.question)
        rows.append(
            {
                "id": f"synthetic-{chunk.id}-{len(rows) + 1}",
                "question": pair.question,
                "answers": [pair.answer],
                "docs": [chunk.path],
                "gold": [{"doc": chunk.path, "span": span(chunk.text, pair.answer)}],
                "answerable": True,
                "lang": language,
                "kind": "synthetic",
                "model": model,
            }
        )
    return {"chunk": chunk.id, "rows": rows, "dropped": dict(fallen)}


def span(text: str, answer: str) -> str:
    """The sentence of the text that says the answer, else the one with most of its words; verbatim."""
    parts = [part.strip() for part in sentences(text) if part.strip()]
    return max(parts, key=lambda part: (says(part, answer), support(part, answer)))


def _resume(ledger: Path, file: Path) -> list[dict[str, Any]]:
    """The finished chunks; the pairs' file is written again from them, as a kill may have cut its last line."""
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = ledger.read_text(encoding="utf-8").split("\n") if ledger.is_file() else []
    try:
        entries = [json.loads(line) for line in lines[:-1]]  # what stands behind the last line end was not finished
    except json.JSONDecodeError as exc:
        raise InputError(f"{ledger} is damaged ({exc}).", f"Delete it and {file.name}, and begin again.") from exc
    if not entries and file.is_file() and file.read_text(encoding="utf-8").strip() and not ledger.is_file():
        raise InputError(f"{file} is there already, and not from here.", "Name another file.")
    _replace(ledger, entries)
    _replace(file, [row for entry in entries for row in entry["rows"]])
    return entries


def _replace(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    beside = file.with_name(f".{file.name}.unfinished")
    beside.write_text("", encoding="utf-8")
    _append(beside, rows)
    beside.replace(file)


def _append(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    with file.open("a", encoding="utf-8") as out:
        out.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        out.flush()
        os.fsync(out.fileno())
