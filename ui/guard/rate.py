"""The rate limit: a token bucket for each person or address, on what starts work."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

WORK = ("/gradio_api/queue/join", "/gradio_api/upload", "/gradio_api/call")
"""Questions and long work go through the queue. What does not (looks at the status, buttons) is quick and has a bucket of its own."""
QUICK_TIMES = 20
"""Quick requests allowed for each that starts work: ten tabs that look once a second stay far below it."""
MOST = 4096


@dataclass(slots=True)
class Buckets:
    """Each holds a minute's worth and refills evenly; `per_minute` 0 = no limit."""

    per_minute: float
    clock: Callable[[], float] = time.monotonic
    _levels: dict[str, tuple[float, float]] = field(default_factory=dict)

    def take(self, key: str) -> float:
        """0: go on; else the seconds until there is a token again."""
        if self.per_minute <= 0:
            return 0.0
        now, rate = self.clock(), self.per_minute / 60
        level, at = self._levels.get(key, (self.per_minute, now))
        level = min(self.per_minute, level + (now - at) * rate)
        if level < 1:
            return (1 - level) / rate
        if len(self._levels) >= MOST and key not in self._levels:
            self._levels = {each: seen for each, seen in self._levels.items() if now - seen[1] < 60}  # the others are full again
        self._levels[key] = (level - 1, now)
        return 0.0


class Limit:
    """ASGI middleware: 429 and a plain line when a bucket is empty."""

    def __init__(self, app: Any, per_minute: float) -> None:
        self.app = app
        self.work, self.quick = Buckets(per_minute), Buckets(per_minute * QUICK_TIMES)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["method"] == "POST":
            from starlette.responses import PlainTextResponse

            key = scope.get("atlas.user") or (scope.get("client") or ("",))[0]
            wait = (self.work if scope["path"].startswith(WORK) else self.quick).take(key)
            if wait:
                seconds = math.ceil(wait)
                line = f"Too many requests. Wait {seconds} s. / Слишком много запросов. Подождите {seconds} с."
                await PlainTextResponse(line, status_code=429, headers={"retry-after": str(seconds)})(scope, receive, send)
                return
        await self.app(scope, receive, send)
