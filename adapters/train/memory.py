"""Memory of a training: kept between steps instead of fetched anew, and running out of it said in one line."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from rag.errors import UserError

TRIM_THRESHOLD, MMAP_MAX = -1, -4
"""Parameters of glibc's mallopt(3)."""
DEFAULTS = ((MMAP_MAX, 65536), (TRIM_THRESHOLD, 128 * 1024))
LEAST = 0.3
"""Share of the machine's memory that stays available: below it what is kept is given back."""
EXPENDABLE = Path("/proc/self/oom_score_adj")
FIRST = 600
"""Above the 300 of a browser's tabs: a training goes on from its last checkpoint, a tab or a model server does not."""


@contextmanager
def of_training() -> Iterator[None]:
    """A training's ways with memory, until the block ends: it keeps what it frees, and Linux ends it first when memory runs out.

    Left to itself, glibc fetches every large tensor from the system and gives it back, gigabytes in each step; where touching a new
    page is slow (in a virtual machine) that takes more than half of the time of a training (docs/log.md). Does nothing elsewhere.
    """
    usual = _expendable(FIRST)
    _mallopt((MMAP_MAX, 0), (TRIM_THRESHOLD, -1))
    try:
        yield
    finally:  # what comes next, a server for the adapter, needs it
        _mallopt(*DEFAULTS)
        release()
        _expendable(usual)


def _mallopt(*values: tuple[int, int]) -> None:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        for parameter, value in values:
            mallopt(parameter, value)


def _expendable(score: int | None) -> int | None:
    """How early Linux is to end this process when memory runs out (proc(5), oom_score_adj); returns what it was, None where unknown."""
    with suppress(OSError, ValueError):
        was = int(EXPENDABLE.read_text())
        if score is not None:
            EXPENDABLE.write_text(str(score))
        return was
    return None


def give_back(*, least: float = LEAST) -> None:
    """Return to the system what is kept and not in use, when less than that share of the memory is available.

    After a step: steps of many lengths leave gaps; without this a training of 8 GB has grown to 20 (docs/log.md).
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    memory = psutil.virtual_memory()
    if trim is not None and memory.available < least * memory.total:
        trim(0)


def release() -> None:
    """Return to the system what models that are used no more have left: they hold themselves in cycles, and glibc keeps their place."""
    gc.collect()
    give_back(least=1.0)


@contextmanager
def explained() -> Iterator[None]:
    """Turn the ways in which memory runs out into a UserError; anything else goes through."""
    try:
        yield
    except (MemoryError, RuntimeError) as exc:
        words = str(exc).lower()
        if isinstance(exc, MemoryError) or "out of memory" in words or "can't allocate memory" in words or "not enough memory" in words:
            raise UserError(
                "There is not enough memory for this training.",
                "Lower train.batch_tokens or train.passages, train fewer layers (--option layers=8), or close other programs; "
                "the last checkpoint is kept. `atlas train --estimate` says how much is needed.",
            ) from exc
        raise
