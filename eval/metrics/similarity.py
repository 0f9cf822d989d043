"""Semantic similarity: cosine between the embedding of an answer and that of the accepted one closest to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Embed = Callable[[Sequence[str]], "NDArray[np.float32]"]
    """Texts -> (texts, dimension), unit rows: `Embedder.embed_queries`, on both sides, since neither text is a passage."""


def similarities(answers: Sequence[str], accepted: Sequence[Sequence[str]], embed: Embed) -> list[float]:
    """One value in [-1, 1] for each answer; `accepted`: its alternatives, at least one. All texts are embedded in one call.

    The level depends on the embedder (unrelated texts have 0.7 with e5): compare arms with it, do not read it as a share.
    Raises ValueError when an answer has no alternatives.
    """
    if not all(accepted):
        raise ValueError("an answer without accepted ones has no similarity")
    texts = list(dict.fromkeys([*answers, *(text for group in accepted for text in group)]))
    if not texts:
        return []
    rows = dict(zip(texts, embed(texts), strict=True))
    return [max(float(rows[answer] @ rows[right]) for right in group) for answer, group in zip(answers, accepted, strict=True)]
