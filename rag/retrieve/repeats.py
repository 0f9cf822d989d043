"""Hits that say nearly the same as a better hit: found by their words, so that the context is not spent twice."""

from __future__ import annotations

from collections.abc import Sequence

from rag.index.words import compounds
from rag.types import Hit


def without_repeats(hits: Sequence[Hit], threshold: float) -> tuple[list[Hit], list[tuple[Hit, Hit]]]:
    """The hits to keep, in order, and (dropped, the better hit it repeats).

    `threshold`: share of the shorter text's words that the other has, too, in [0, 1]; 1 drops exact copies only.
    Neighbouring slices of one document are no repeats, though they overlap.
    """
    kept: list[Hit] = []
    words: list[frozenset[str]] = []
    repeats: list[tuple[Hit, Hit]] = []
    for hit in hits:
        own = frozenset(word.lower() for word in compounds(hit.chunk.text))
        twin = next((other for other, theirs in zip(kept, words, strict=True) if _same(hit, own, other, theirs, threshold)), None)
        if twin is None:
            kept.append(hit)
            words.append(own)
        else:
            repeats.append((hit, twin))
    return kept, repeats


def _same(hit: Hit, own: frozenset[str], other: Hit, theirs: frozenset[str], threshold: float) -> bool:
    if hit.chunk.text == other.chunk.text:
        return True
    if hit.chunk.document_id == other.chunk.document_id or threshold >= 1 or not own or not theirs:
        return False
    larger = max(len(own), len(theirs))
    return len(own & theirs) / larger >= threshold
