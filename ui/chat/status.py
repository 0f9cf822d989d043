"""What stands between a question and its answer just now: asked by every open page, looked up once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from rag.errors import UserError

if TYPE_CHECKING:
    from rag.assistant import Assistant
    from rag.serve.vllm import Starting
    from rag.settings import Settings

FRESH = 0.4
"""Seconds for which one look holds for all pages."""


What = Literal["starting", "models", "index", "calibration", "warming", "server", "no index", "no server", "other"]


@dataclass(frozen=True, slots=True)
class Doing:
    """What is waited for. `done` of `total` where it is counted; seconds left, or else passed, where they are known; `line`: words
    of the library."""

    what: What
    done: int = 0
    total: int = 0
    seconds_left: float | None = None
    seconds_passed: float | None = None
    line: str = ""


Ready = Callable[[], Awaitable[Doing | None]]
"""None when questions can be answered now. Raises UserError when that will not come by itself."""


async def look(settings: Settings, assistant: Assistant) -> Doing | None:
    """What a page waits for that was opened beside an index and a server of somebody's own."""
    from rag.index import versions
    from rag.serve import vllm

    if not versions.live(versions.folder_of(settings)):
        return Doing("no index")
    if settings.generate.backend == "vllm":
        server = await asyncio.to_thread(vllm.status, settings)
        if server is None:
            return Doing("no server")
        if isinstance(server, vllm.Starting):
            return starting(server)
    line = await assistant.generator.ready()
    return Doing("other", line=line) if line else None


def starting(server: Starting) -> Doing:
    """The start of a model server, with the seconds it should still take if an earlier start was timed and this one keeps to it."""
    left = server.expected - server.seconds
    return Doing("server", seconds_left=left) if left > 1 else Doing("server", seconds_passed=server.seconds)


@dataclass(slots=True)
class Status:
    """A `Ready` that many pages can ask often."""

    ask: Ready
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _known: Doing | UserError | None = None
    _at: float = float("-inf")

    async def __call__(self) -> Doing | None:
        async with self._lock:
            if time.monotonic() - self._at > FRESH:
                try:
                    self._known = await self.ask()
                except UserError as exc:
                    self._known = exc
                self._at = time.monotonic()
        if isinstance(self._known, UserError):
            raise self._known
        return self._known
