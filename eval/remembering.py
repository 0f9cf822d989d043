"""Asking a judge through a file: what it said once is never asked again, and a judge that has gone is noticed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path

from eval.judge import Ask
from rag.errors import AtlasError, ServerError, UserError
from rag.generate.generator import Generator, Usage
from rag.types import Decoding, Message, content_id

DECODING = Decoding(temperature=0.0, max_tokens=300)
HOPELESS = 20
"""Questions in a row without an answer after which the judge is taken for gone: every further one would only be a failure, too."""


class JudgeGone(AtlasError):
    """Not a failure of one question: nobody answers any more."""


def remembering(generator: Generator, file: Path) -> Ask:
    """Asks the model; what it said once is read from the file. The same question asked twice at once is put to it once.

    A torn or foreign line of the file is as good as none: it is asked again. Raises JudgeGone after HOPELESS failures in a row.
    """
    known = _read(file)
    asking: dict[str, asyncio.Task[str]] = {}
    failed = 0

    async def ask(messages: Sequence[Message]) -> str:
        key = content_id(generator.model, *(f"{message.role}\x1e{message.content}" for message in messages))
        if key in known:
            return known[key]
        if key not in asking:
            asking[key] = asyncio.create_task(put(key, messages))
        return await asyncio.shield(asking[key])

    async def put(key: str, messages: Sequence[Message]) -> str:
        nonlocal failed
        try:
            said = await _said(generator, messages)
        except UserError as exc:
            failed += isinstance(exc, ServerError)
            if failed >= HOPELESS:
                raise JudgeGone(f"{failed} questions in a row had no answer, the last one with: {exc}") from exc
            raise
        finally:
            del asking[key]
        failed, known[key] = 0, said
        with file.open("a", encoding="utf-8") as lines:  # a line begins with its newline, so that a torn one spoils no other
            lines.write("\n" + json.dumps({"key": key, "said": said}))
        return said

    return ask


async def _said(generator: Generator, messages: Sequence[Message]) -> str:
    pieces: list[str] = []
    async with aclosing(generator.stream(messages, DECODING)) as stream:
        async for piece in stream:
            if not isinstance(piece, Usage):
                pieces.append(piece)
    return "".join(pieces)


def _read(file: Path) -> dict[str, str]:
    known: dict[str, str] = {}
    if file.is_file():
        for line in file.read_text(encoding="utf-8", errors="replace").split("\n"):
            try:
                row = json.loads(line)
                known[str(row["key"])] = str(row["said"])
            except (ValueError, TypeError, KeyError):
                continue
    return known
