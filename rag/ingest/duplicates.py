"""Copies and near-copies among documents: exact Jaccard overlap of word shingles, without comparing all pairs.

Near-copies are found by prefix filtering (Chaudhuri et al. 2006; Bayardo et al. 2007, "Scaling up all pairs similarity
search"): two sets that overlap by at least t share one of their |x| - ceil(t |x|) + 1 rarest members. So only those are
looked up, and only the few candidates are compared. There is no randomness, and nothing is missed.
"""

from __future__ import annotations

import hashlib
import math
import re
from array import array
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.progress import Progress, silent
from rag.types import Document

SHINGLE = 3  # words
WORD = re.compile(r"[぀-ヿ㐀-鿿가-힯]|\w+")  # one sign of a script without spaces, or a word
MULTIPLIERS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], dtype=np.uint64)

Shingles = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Duplicate:
    """`path` is left out because it repeats `of`; `overlap` is 1.0 for an exact copy, else the Jaccard overlap."""

    path: str
    of: str
    overlap: float


def drop_duplicates(
    documents: Sequence[Document], near: float, *, progress: Progress = silent
) -> tuple[tuple[Document, ...], tuple[Duplicate, ...]]:
    """The documents without copies (the first of each group stays), and what was dropped.

    `near`: smallest Jaccard overlap that counts as a copy; 1 = exact copies only, 0 is treated like the smallest
    overlap above it. Documents in different languages are never copies of each other.
    """
    exact = _exact(documents)
    rest = [position for position in range(len(documents)) if position not in exact]
    copies = dict(exact)
    if near < 1:
        similar = _near([documents[position] for position in rest], rest, near, progress)
        copies = {position: similar.get(of, (of, overlap)) for position, (of, overlap) in exact.items()} | similar
    duplicates = tuple(
        Duplicate(documents[position].path, documents[of].path, overlap) for position, (of, overlap) in sorted(copies.items())
    )
    return tuple(document for position, document in enumerate(documents) if position not in copies), duplicates


def shingles(texts: Sequence[str]) -> list[Shingles]:
    """For each text the sorted, distinct 64-bit hashes of its word triples (of all its words, when it has fewer)."""
    numbers: dict[str, int] = {}
    return [_shingles(array("Q", [numbers.setdefault(word, len(numbers) + 1) for word in WORD.findall(text.lower())])) for text in texts]


def _shingles(words: array[int]) -> Shingles:
    if not words:
        return np.zeros(0, dtype=np.uint64)
    ids = np.frombuffer(words, dtype=np.uint64)
    size = min(SHINGLE, len(ids))
    total = np.zeros(len(ids) - size + 1, dtype=np.uint64)
    for place in range(size):
        mixed = (ids[place : place + len(total)] ^ (ids[place : place + len(total)] >> np.uint64(7))) * MULTIPLIERS[place]
        total = (total ^ mixed ^ (mixed >> np.uint64(29))) * MULTIPLIERS[0]
    return np.unique(total)


def _exact(documents: Sequence[Document]) -> dict[int, tuple[int, float]]:
    first: dict[bytes, int] = {}
    copies = {}
    for position, document in enumerate(documents):
        digest = hashlib.sha256(document.text.strip().encode("utf-8", "surrogatepass")).digest()
        original = first.setdefault(digest, position)
        if original != position:
            copies[position] = (original, 1.0)
    return copies


def _near(documents: Sequence[Document], positions: Sequence[int], near: float, progress: Progress) -> dict[int, tuple[int, float]]:
    """position -> (position of the kept document, overlap). Only kept documents are looked up: a chain does not creep."""
    sets = shingles([document.text for document in documents])
    ranked = _rarest_first(sets, near)
    index: dict[int, list[int]] = defaultdict(list)
    copies: dict[int, tuple[int, float]] = {}
    for number, (members, prefix) in enumerate(zip(sets, ranked, strict=True)):
        candidates = sorted({other for member in prefix for other in index[member]})
        best = (0.0, -1)
        for other in candidates:
            if min(len(sets[other]), len(members)) < near * max(len(sets[other]), len(members)):
                continue
            if documents[other].language == documents[number].language:
                best = max(best, (_jaccard(members, sets[other]), other), key=lambda found: (found[0], -found[1]))
        if best[1] >= 0 and best[0] >= near:
            copies[positions[number]] = (positions[best[1]], round(best[0], 4))
        else:
            for member in prefix:
                index[member].append(number)
        progress("looking for duplicates", number + 1, len(sets))
    return copies


def _rarest_first(sets: Sequence[Shingles], near: float) -> list[list[int]]:
    """For each set the members that any set overlapping by `near` must share one of: its rarest ones."""
    if not sets:
        return []
    members, counts = np.unique(np.concatenate(sets), return_counts=True)
    prefixes = []
    for each in sets:
        length = min(len(each), len(each) - math.ceil(near * len(each)) + 1)
        order = np.lexsort((each, counts[np.searchsorted(members, each)]))
        prefixes.append(each[order[:length]].tolist())
    return prefixes


def _jaccard(a: Shingles, b: Shingles) -> float:
    shared = len(np.intersect1d(a, b, assume_unique=True))
    return shared / (len(a) + len(b) - shared) if shared else 0.0
