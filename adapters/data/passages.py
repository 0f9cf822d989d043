"""The passages of one training prompt: the gold ones among hard negatives, in a drawn number and order."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from adapters.data.gold import says_answer
from rag.qa import Pair
from rag.types import Source, content_id

FULL = 0.8
"""Share of the prompts with as many passages as they may have, which is what serving sends; the others have any number.

Among fewer passages the gold one is easier to find than it will be then.
"""


def drawn_for(pair: Pair, seed: int, purpose: str) -> random.Random:
    """The pair's own random numbers: they do not depend on the other pairs or on their order."""
    return random.Random(int(content_id("example", str(seed), pair.id, purpose), 16))


def mix(gold: Sequence[Source], retrieved: Sequence[Source], *, most: int, rng: random.Random) -> list[Source]:
    """The gold passages and the best-ranked others, shuffled and numbered from 1; `most` of them, or (see FULL) a drawn number.

    Never fewer than the gold ones. A retrieved passage that overlaps a gold one is not repeated.
    """
    wanted = max(most if rng.random() < FULL else rng.randint(1, most), len(gold))
    others = [source for source in retrieved if not any(_overlap(source, held) for held in gold)]
    mixed = [*gold, *others[: wanted - len(gold)]]
    rng.shuffle(mixed)
    return [replace(source, number=number) for number, source in enumerate(mixed, start=1)]


def without_answer(pair: Pair, retrieved: Sequence[Source]) -> list[Source]:
    """Those retrieved that cannot answer: from no gold document, and without any accepted answer in them."""
    return [source for source in retrieved if source.path not in pair.docs and not says_answer(source.text, pair)]


def same_place(one: Source, other: Source) -> bool:
    return (one.document_id, one.start, one.end) == (other.document_id, other.start, other.end)


def _overlap(one: Source, other: Source) -> bool:
    return one.document_id == other.document_id and one.start < other.end and other.start < one.end
