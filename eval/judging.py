"""Asking a judge about a whole run: is a reply supported by its passages, and which of two replies is better. Off unless asked for.

Every verdict is written to the run's judge.jsonl as it comes, so that no question is put to the judge twice.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eval.arms.outside import elsewhere
from eval.judge import Ask, judge_pairs
from eval.metrics.groundedness import JudgeGrounder
from eval.types import Case, Reply
from rag.generate.generator import Generator, Usage, open_generator
from rag.progress import Progress, silent
from rag.settings import Settings
from rag.types import Decoding, Message, content_id

FILE = "judge.jsonl"
AT_ONCE = 8
DECODING = Decoding(temperature=0.0, max_tokens=300)


@dataclass(frozen=True, slots=True)
class Judging:
    """What is to be judged. `pairs`: name of a contrast -> (case, the arm's reply, the other's)."""

    grounded: Sequence[Reply]
    pairs: Mapping[str, Sequence[tuple[Case, Reply, Reply]]]


@dataclass(frozen=True, slots=True)
class Verdicts:
    """`grounded`: (case, arm) -> {"groundedness": share}; a reply on which the judge failed is not there. `summary`: Run.judged."""

    grounded: Mapping[tuple[str, str], Mapping[str, float]] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)


async def judge_answers(target: str, folder: Path, what: Judging, settings: Settings, *, progress: Progress = silent) -> Verdicts:
    """Everything judged by the model at `target` (URL#model); nothing when it is "". Raises ServerError when no model is there."""
    if not target:
        return Verdicts()
    remote = elsewhere(settings, target)
    generator = open_generator(remote)
    try:
        ask = remembering(generator, folder / FILE)
        grounded, failed = await _grounded(ask, what.grounded, progress)
        summary: dict[str, Any] = {"model": f"{remote.generate.base_url}#{remote.generate.model}"}
        for done, (name, pairs) in enumerate(what.pairs.items()):
            progress("judging pairs", done, len(what.pairs))
            judged = await judge_pairs([(case, one.text, other.text) for case, one, other in pairs], ask, in_flight=AT_ONCE)
            counts = {winner: judged.counts.get(winner, 0) for winner in ("first", "second", "tie")}
            summary[name] = {**counts, "inconsistent": judged.inconsistent, "failures": len(judged.failures)}
        summary["groundedness"] = {"replies": len(grounded), "statements the judge failed on": failed}
    finally:
        await generator.close()
    return Verdicts(grounded, summary)


async def _grounded(ask: Ask, replies: Sequence[Reply], progress: Progress) -> tuple[dict[tuple[str, str], dict[str, float]], int]:
    gate, grounder = asyncio.Semaphore(AT_ONCE), JudgeGrounder(ask)
    found: dict[tuple[str, str], dict[str, float]] = {}
    failed = done = 0

    async def one(reply: Reply) -> None:
        nonlocal failed, done
        async with gate:
            grounding = await grounder(reply.text, [passage.text for passage in reply.passages])
        if grounding.share is not None:
            found[reply.case, reply.arm] = {"groundedness": grounding.share}
        failed += len(grounding.failed)
        done += 1
        progress("judging groundedness", done, len(replies))

    await asyncio.gather(*(one(reply) for reply in replies))
    return found, failed


def remembering(generator: Generator, file: Path) -> Ask:
    """Asks the model; what it said once is read from the file. A torn or foreign line is as good as none: it is asked again."""
    known: dict[str, str] = {}
    if file.is_file():
        for line in file.read_text(encoding="utf-8").split("\n"):
            try:
                row = json.loads(line)
                known[str(row["key"])] = str(row["said"])
            except (ValueError, TypeError, KeyError):
                continue

    async def ask(messages: Sequence[Message]) -> str:
        key = content_id(generator.model, *(f"{message.role}\x1e{message.content}" for message in messages))
        if key not in known:
            pieces: list[str] = []
            async with aclosing(generator.stream(messages, DECODING)) as stream:
                async for piece in stream:
                    if not isinstance(piece, Usage):
                        pieces.append(piece)
            known[key] = "".join(pieces)
            with file.open("a", encoding="utf-8") as lines:
                lines.write("\n" + json.dumps({"key": key, "said": known[key]}))
        return known[key]

    return ask
