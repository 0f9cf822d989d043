"""Running out of memory, said in one line."""

from __future__ import annotations

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
