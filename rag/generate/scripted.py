"""A generator without a model: its answers are computed from the messages. For tests and for trying the page.

With numbered sources in the prompt it quotes the first sentence of source 1 and cites it; otherwise it repeats the question.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING, Self

from rag.errors import ServerError
from rag.generate.generator import Usage
from rag.generate.stop import StopFilter
from rag.progress import Progress, silent
from rag.types import Decoding, Message

if TYPE_CHECKING:
    from rag.settings import Settings

TOKEN = re.compile(r"\s*\S+")
_SOURCE = re.compile(r"<document id=\"1\">\n(?:[^\n]*\n)??(.*?)\n</document>", re.S)
_QUESTION = re.compile(r"(?:Question|Вопрос):\s*(.+?)(?:\n|\Z)")
_SENTENCE = re.compile(r".+?[.!?…](?=\s|\Z)|.+", re.S)


class ScriptedGenerator:
    """Deterministic; a token is a word with the space before it.

    `delay`: seconds before each token; `fail_after`: raise ServerError after so many tokens; `waiting`: what `ready` says.
    """

    def __init__(self, *, model: str = "scripted", delay: float = 0.0, fail_after: int | None = None, waiting: str = "") -> None:
        self.model = model
        self.delay = delay
        self.fail_after = fail_after
        self.waiting = waiting
        self.running = 0
        """Answers being streamed now; 0 again once each was read, closed or cancelled."""

    @classmethod
    def open(cls, settings: Settings, *, progress: Progress = silent) -> Self:
        return cls()

    async def stream(
        self, messages: Sequence[Message], decoding: Decoding, *, adapter: str | None = None
    ) -> AsyncGenerator[str | Usage, None]:
        tokens = TOKEN.findall(answer(messages) if adapter is None else f"({adapter}) {answer(messages)}")
        tokens = [token for token in tokens if not token.lstrip().startswith(decoding.forbidden)]
        stop = StopFilter(decoding.stop)
        used = 0
        self.running += 1
        try:
            for token in tokens[: decoding.max_tokens]:
                if used == self.fail_after:
                    raise ServerError("The scripted generator failed, as it was told to.", "Set fail_after to None.")
                await asyncio.sleep(self.delay)
                used += 1
                if shown := stop.feed(token):
                    yield shown
                if stop.stopped:
                    break
            if rest := stop.rest():
                yield rest
            whole = stop.stopped or len(tokens) <= decoding.max_tokens
            prompt = sum(self.count_tokens(message.content) for message in messages)
            yield Usage(prompt, used, "stop" if whole else "length")
        finally:
            self.running -= 1

    def count_tokens(self, text: str) -> int:
        return len(TOKEN.findall(text))

    async def ready(self) -> str:
        return self.waiting

    async def close(self) -> None:
        return


def answer(messages: Sequence[Message]) -> str:
    """What it says to these messages."""
    asked = next((message.content for message in reversed(messages) if message.role == "user"), "")
    found = _SOURCE.search(asked)
    if found:
        sentence = _SENTENCE.match(" ".join(found.group(1).split()))
        return f"{sentence.group(0) if sentence else ''} [1]"
    question = _QUESTION.findall(asked)
    return str(question[-1]).strip() if question else asked.strip()
