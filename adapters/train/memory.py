"""Running out of memory, said in one line; and the allocator, told to keep what it has."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

from rag.errors import UserError


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


def keep_freed_memory() -> bool:
    """Let glibc keep freed blocks instead of giving them back after every layer, which the kernel then has to clear again.

    False where there is no glibc. The constants are those of its malloc.h.
    """
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    trim_threshold, mmap_max = -1, -4
    return bool(mallopt(mmap_max, 0) and mallopt(trim_threshold, 2**31 - 1))
