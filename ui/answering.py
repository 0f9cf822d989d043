"""One question answered in the terminal: waiting for the model server, streaming, and the sources as text."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from rag.errors import UserError
from rag.types import Answer, Context, Finished, Message, Token
from ui.chat.sources import section
from ui.chat.status import look
from ui.chat.text import EN
from ui.console import err, out
from ui.plain import one_line, plain

if TYPE_CHECKING:
    from rag.assistant import Assistant

NO_ANSWER = 3
"""Exit code when the model does not know, or the documents do not hold the answer."""


async def answer(
    assistant: Assistant,
    question: str,
    arm: str,
    history: Sequence[Message] = (),
    *,
    adapter: str | None = None,
    show: Callable[[str], None],
) -> Answer:
    """Stream one answer through `show`. Waits for a model server that is starting; raises UserError when it cannot answer."""
    await _until_started(assistant)
    async with aclosing(assistant.stream(question, arm, history, adapter=adapter)) as events:
        async for event in events:
            if isinstance(event, Token):
                show(plain(event.text))
            elif isinstance(event, Finished):
                return event.answer
    raise UserError("The answer was cut off.", "Ask again.")


async def _until_started(assistant: Assistant) -> None:
    doing = await look(assistant.settings, assistant)
    if doing is None or doing.what != "server":
        return
    with err.status(EN.doing(doing)) as shown:
        while doing is not None and doing.what == "server":
            shown.update(EN.doing(doing))
            await asyncio.sleep(0.5)
            doing = await look(assistant.settings, assistant)


def write(text: str) -> None:
    """To standard output as it comes."""
    out.out(text, end="", highlight=False)


def closing(said: Answer) -> str:
    """One line on what kind of answer that was, when it was none."""
    if said.abstained:
        return EN.abstained_why
    if said.refused:
        return "The model says that it does not know."
    return EN.cut if said.finish == "length" else ""


def sources(said: Answer) -> list[str]:
    """A line for each source: number, what cites it, title > section, path, page, score."""
    if said.context is None:
        return []
    by = {each.number: EN.matched for each in said.citations} | {each.number: EN.cited for each in said.citations if each.by == "model"}
    lines = []
    for source in said.context.sources:
        page = f", page {source.page}" if source.page else ""
        title = section(min(source.hits, key=lambda hit: hit.chunk.start).chunk)
        where = f"{title} ({one_line(source.path)}{page})" if title else f"{one_line(source.path)}{page}"
        lines.append(f"[{source.number}] {where}  score {source.score:.3f}{'  ' + by[source.number] if source.number in by else ''}")
    return lines


def as_row(said: Answer) -> dict[str, Any]:
    """The answer as one JSON object; offsets are characters of the documents."""
    from dataclasses import asdict

    found: Context | None = said.context
    row: dict[str, Any] = {key: getattr(said, key) for key in ("question", "text", "refused", "abstained", "finish")}
    row["citations"] = [asdict(each) for each in said.citations]
    row["sources"] = [
        {**{key: getattr(each, key) for key in ("number", "path", "header", "page", "start", "end", "text")}, "score": each.score}
        for each in (found.sources if found else ())
    ]
    row["dropped"] = [{"path": hit.chunk.path, "start": hit.chunk.start, "reason": why} for hit, why in (found.dropped if found else ())]
    row["evidence"] = {"score": found.evidence.score, "threshold": found.evidence.threshold} if found else None
    row["provenance"] = asdict(said.provenance)
    return row
