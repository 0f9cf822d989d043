"""Memory of a training: kept between steps instead of fetched anew, and running out of it said in one line."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from rag.errors import UserError

TRIM_THRESHOLD, MMAP_MAX = -1, -4
"""Parameters of glibc's mallopt(3)."""
LEAST = 0.3
"""Share of the machine's memory that stays available: below it what is kept is given back."""


def keep_freed() -> None:
    """From now on this process keeps the memory that it frees, for its next step.

    Left to itself, glibc fetches every large tensor from the system and gives it back, gigabytes in each step; where touching a new
    page is slow (in a virtual machine) that takes more than half of the time of a training (docs/log.md). Does nothing elsewhere.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(MMAP_MAX, 0)
        mallopt(TRIM_THRESHOLD, -1)


def give_back(*, least: float = LEAST) -> None:
    """Return to the system what is kept and not in use, when less than that share of the memory is available.

    After a step: steps of many lengths leave gaps; without this a training of 8 GB has grown to 20 (docs/log.md).
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    memory = psutil.virtual_memory()
    if trim is not None and memory.available < least * memory.total:
        trim(0)


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
