"""What a running command leaves behind: its progress, followed line by line, and the end of its output."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ui.plain import plain

LAST = 40
"""Lines of output that are shown."""
TAIL = 32_000
"""Bytes at the end of the output that they are looked for in."""
WIDEST = 500
COUNTED = re.compile(r"(.{1,80}): (\.\.\.|[\d,]+(?:/[\d,]+)?)(?: \(([\d,.]+)/s(?:, (\d+) s left)?\))?")
"""A line of progress as `ui.console.PlainLines` writes it: stage, count, rate, seconds left."""
ERROR_LINES = 6
ENOUGH = 0.5
"""Seconds of a stage before its speed says something."""


@dataclass(slots=True)
class Trail:
    """The progress file of a job, read on from where the last look ended."""

    file: Path
    stage: str = ""
    done: int = 0
    total: int = 0
    _first: tuple[float, int] = (0.0, 0)
    _last: float = 0.0
    _offset: int = 0
    _rest: bytes = field(default=b"")

    def look(self) -> None:
        try:
            with self.file.open("rb") as stream:
                stream.seek(self._offset)
                data = stream.read()
        except OSError:
            return  # nothing was reported yet
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            said = json.loads(line)
            stage, done, total, at = plain(str(said["stage"])), int(said["done"]), int(said["total"]), float(said["at"])
        except (ValueError, KeyError, TypeError):
            return  # half a line of a process that was killed
        if stage != self.stage or done < self.done:
            self._first = (at, done)
        self.stage, self.done, self.total, self._last = stage, done, total, at

    def seconds_left(self, now: float | None = None) -> float | None:
        """Of the present stage, at the speed it has had so far."""
        began, before = self._first
        passed, made = self._last - began, self.done - before
        if passed < ENOUGH or made <= 0 or self.total <= self.done:
            return None
        return max(0.0, (self.total - self.done) * passed / made - ((now or time.time()) - self._last))


def last_lines(file: Path) -> tuple[str, ...]:
    """The last lines of a command's output, made plain."""
    try:
        with file.open("rb") as stream:
            stream.seek(max(0, stream.seek(0, 2) - TAIL))
            data = stream.read()
    except OSError:
        return ()
    lines = [line.rstrip()[:WIDEST] for line in plain(data.decode("utf-8", "replace")).split("\n")]
    return tuple(line for line in lines if line)[-LAST:]


def error_of(lines: Sequence[str]) -> str:
    """What a failed command said last of its own: the error after its progress, of a traceback only the last line."""
    if any(line.startswith("Traceback (most recent call last)") for line in lines):
        return lines[-1]
    since = max((number for number, line in enumerate(lines, 1) if COUNTED.fullmatch(line)), default=0)
    return "\n".join(lines[since:][-ERROR_LINES:])
