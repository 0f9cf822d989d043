"""Evaluations slow enough to be killed anywhere: every token takes a moment.

`python -m tests.eval.slow_run SETTINGS QA` makes two runs itself, undisturbed: the first imports everything, the second says how
long asking takes ("asked SECONDS"). For each "run" on standard input it forks a child that evaluates (it prints "pid N", and
"begun N" at the first token, or at the end when there was none), and for "reap" it waits for that child ("ended STATUS").
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from eval.evaluate import evaluate
from eval.request import Request
from rag.generate.generator import Usage
from rag.generate.scripted import ScriptedGenerator
from rag.settings import Settings

DELAY = 0.004
"""Seconds before each token."""
ARMS = ("icl", "rag", "oracle", "shuffled")


class Slow(ScriptedGenerator):
    begun = False

    @classmethod
    def open(cls, settings: Settings, *, progress: Any = None) -> Slow:
        return cls(delay=DELAY)

    async def stream(self, *arguments: Any, **named: Any) -> AsyncGenerator[str | Usage, None]:
        begin()
        async for piece in super().stream(*arguments, **named):
            yield piece


def begin() -> None:
    if not Slow.begun:
        Slow.begun = True
        os.write(1, f"begun {os.getpid()}\n".encode())


def serve(settings: Settings, qa: Path) -> None:
    ScriptedGenerator.open = Slow.open  # type: ignore[method-assign]
    request = Request((qa,), ARMS, in_flight=4)
    run, _ = [evaluate(request, settings) for _ in range(2)][-1]
    os.write(1, f"asked {run.manifest['seconds']['answering']}\n".encode())
    Slow.begun = False
    child = 0
    for line in sys.stdin:
        if line.strip() == "reap":
            _, status = os.waitpid(child, 0)
            os.write(1, f"ended {status}\n".encode())
            continue
        child = os.fork()
        if not child:
            evaluate(request, settings)
            begin()
            os._exit(0)
        os.write(1, f"pid {child}\n".encode())


if __name__ == "__main__":
    serve(Settings.model_validate_json(Path(sys.argv[1]).read_bytes()), Path(sys.argv[2]))
