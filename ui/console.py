"""Where text goes: `out` for results, `err` for everything else, and the progress bars."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Task, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.text import Text

from rag.progress import CLOCKED, Progress

PIPE_WIDTH = 160
"""Columns of a table that goes into a pipe or a file, where there is no window to fit."""

out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else PIPE_WIDTH)
err = Console(stderr=True, highlight=False, soft_wrap=True)

PLAIN_SECONDS = 5.0
"""Without a terminal (CI, a log file) a stage prints a line at most this often."""
FILE_VARIABLE = "ATLAS_PROGRESS_FILE"
FILE_SECONDS = 0.2
"""The file named by FILE_VARIABLE gets a line of a stage at most this often."""


@contextmanager
def progress() -> Iterator[Progress]:
    """Show progress on stderr while the block runs: bars with count, rate and ETA, or plain lines without a terminal.

    Whoever runs this command for a page names a file in FILE_VARIABLE and finds the same there, as lines of JSON.
    """
    told = ProgressFile(os.environ.get(FILE_VARIABLE, ""))
    if not err.is_terminal:
        yield told.beside(PlainLines())
        return
    columns = (TextColumn("{task.description}"), BarColumn(), _Count(), _Rate(), TimeElapsedColumn(), TimeRemainingColumn())
    with Bars(*columns, console=err) as bars:
        yield told.beside(_Bars(bars))


class ProgressFile:
    """`{"stage", "done", "total", "at"}` as lines of JSON: the first and last report of a stage, and some between.

    Never stops a command.
    """

    def __init__(self, file: str, *, clock: Callable[[], float] = time.time) -> None:
        self.file, self.now = file, clock
        self.written: dict[str, float] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = self.now()
        between = not 0 < total <= done and 0 <= now - self.written.get(stage, float("-inf")) < FILE_SECONDS
        if not self.file or between:
            return
        self.written[stage] = now
        try:
            with open(self.file, "a", encoding="utf-8") as file:
                file.write(json.dumps({"stage": stage, "done": done, "total": total, "at": now}) + "\n")
        except (OSError, ValueError):
            self.file = ""  # a full disk, or a folder that is gone: the work goes on, only nobody can watch it

    def beside(self, shown: Progress) -> Progress:
        """Both: what is shown, and the file."""

        def report(stage: str, done: int, total: int) -> None:
            shown(stage, done, total)
            self(stage, done, total)

        return report if self.file else shown


class _Count(MofNCompleteColumn):
    def render(self, task: Task) -> Text:
        if not task.description.startswith(CLOCKED):
            return super().render(task)
        return Text(_clocked(int(task.completed), int(task.total or 0)), style="progress.download")


class _Rate(TextColumn):
    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{pace(speed)}/s" if speed and not task.description.startswith(CLOCKED) else "")


def _clocked(seconds: int, about: int) -> str:
    if 0 < about <= seconds:
        return "done"
    return f"{seconds} s of about {about}" if about else f"{seconds} s"


def pace(rate: float) -> str:
    """So many a second; a step of a training may take half a minute, and 0.0 would say that nothing moves."""
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.1f}" if rate >= 0.95 else f"{rate:.2g}"


class _Bars:
    """One bar per stage, in the order in which the stages report."""

    def __init__(self, bars: Bars) -> None:
        self.bars = bars
        self.tasks: dict[str, TaskID] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage not in self.tasks:
            self.tasks[stage] = self.bars.add_task(stage, total=total or None)
        self.bars.update(self.tasks[stage], completed=done, total=total or None)


class PlainLines:
    """`stage: done/total (rate/s, ETA)`: the first and last report of a stage, and one line every few seconds between."""

    def __init__(self, *, console: Console = err, clock: Callable[[], float] = time.monotonic) -> None:
        self.console = console
        self.now = clock
        self.started: dict[str, tuple[float, int]] = {}
        self.printed: dict[str, float] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = self.now()
        first = stage not in self.started
        if first:
            self.started[stage] = (now, done)
        last = total > 0 and done >= total
        if not first and not last and now - self.printed[stage] < PLAIN_SECONDS:
            return
        if last and self.printed.get(stage) == float("inf"):
            return
        self.printed[stage] = float("inf") if last else now
        self.console.print(self._line(stage, done, total, now), markup=False)

    def _line(self, stage: str, done: int, total: int, now: float) -> str:
        if stage.startswith(CLOCKED):
            return f"{stage}: {_clocked(done, total)}"
        began, before = self.started[stage]
        count = f"{done:,}/{total:,}" if total else f"{done:,}" if done else "..."
        if now - began < 0.5 or done <= before:
            return f"{stage}: {count}"
        rate = (done - before) / (now - began)
        left = f", {(total - done) / rate:.0f} s left" if total > done else ""
        return f"{stage}: {count} ({pace(rate)}/s{left})"
