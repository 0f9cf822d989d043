"""What a training needs around it: its folder for itself, and a Ctrl-C that waits for the end of a step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from rag.errors import UserError


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """While it is open nobody else trains in that folder. Raises UserError when somebody does."""
    try:
        with FileLock(folder.parent / f".{folder.name}.lock", timeout=0.1):
            yield
    except Timeout as exc:
        raise UserError(f"The adapter '{folder.name}' is being trained by another process.", "Wait for it, or give --name.") from exc


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """The first Ctrl-C asks to stop after the present step, the second one interrupts. Only in the main thread there are signals."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    before = signal.getsignal(signal.SIGINT)

    def ask(*_: Any) -> None:
        asked.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, ask)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, before)
