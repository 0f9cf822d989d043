"""Packing: hits become numbered sources within a token budget; what does not fit is kept, with the reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rag.types import Hit, Source

Count = Callable[[str], int]
FENCE_TOKENS = 16
"""Set aside for each source's fence, number and blank lines; a test holds the rendered prompt to the budget."""


@dataclass(frozen=True, slots=True)
class Packed:
    """Sources numbered from 1 (best), hits left out with the reason, and the tokens that the sources take."""

    sources: tuple[Source, ...]
    dropped: tuple[tuple[Hit, str], ...]
    tokens: int


def pack(
    hits: Sequence[Hit],
    *,
    budget: int,
    max_sources: int,
    count: Count,
    text_of: Callable[[str], str],
    join: bool = True,
) -> Packed:
    """Take hits in order while they fit. A hit next to one already taken joins its source (`join`).

    `count`: tokens of a text by the generator's tokenizer; `text_of`: document id -> the document's text. A best hit larger
    than the whole budget is cut to it; a later one is dropped. Never exceeds `budget`, fences included.
    """
    sources: list[Source] = []
    dropped: list[tuple[Hit, str]] = []
    for hit in hits:
        position = next((i for i, source in enumerate(sources) if join and _adjacent(source, hit, text_of)), None)
        candidate = _alone(hit, len(sources) + 1) if position is None else _joined(sources[position], hit, text_of)
        candidate = replace(candidate, tokens=_tokens(candidate, count))
        others = sum(source.tokens for i, source in enumerate(sources) if i != position)
        if position is None and len(sources) >= max_sources:
            dropped.append((hit, f"more than {max_sources} passages"))
            continue
        if others + candidate.tokens > budget and not sources:
            candidate = _cut(candidate, budget, count)
        if others + candidate.tokens > budget or not candidate.text:
            dropped.append((hit, f"over the budget of {budget} tokens"))
        elif position is None:
            sources.append(candidate)
        else:
            sources[position] = candidate
    return Packed(tuple(sources), tuple(dropped), sum(source.tokens for source in sources))


def _tokens(source: Source, count: Count) -> int:
    return count(source.text) + count(source.header) + FENCE_TOKENS


def _alone(hit: Hit, number: int) -> Source:
    chunk = hit.chunk
    return Source(number, (hit,), chunk.path, chunk.document_id, chunk.start, chunk.end, chunk.text, chunk.header, chunk.page)


def _adjacent(source: Source, hit: Hit, text_of: Callable[[str], str]) -> bool:
    """Overlapping, touching, or with nothing but blanks between them."""
    chunk = hit.chunk
    if source.document_id != chunk.document_id:
        return False
    first, second = sorted([(source.start, source.end), (chunk.start, chunk.end)])
    return second[0] <= first[1] or not text_of(chunk.document_id)[first[1] : second[0]].strip()


def _joined(source: Source, hit: Hit, text_of: Callable[[str], str]) -> Source:
    """One passage over both spans. The header is that of the part that comes first in the document."""
    chunk = hit.chunk
    start, end = min(source.start, chunk.start), max(source.end, chunk.end)
    first = chunk.start < source.start
    return replace(
        source,
        hits=(*source.hits, hit),
        start=start,
        end=end,
        text=text_of(source.document_id)[start:end],
        header=chunk.header if first else source.header,
        page=chunk.page if first else source.page,
    )


def _cut(source: Source, budget: int, count: Count) -> Source:
    """The longest beginning that fits, by bisection; still an exact slice of the document."""
    low, high = 0, len(source.text)
    while low < high:
        middle = (low + high + 1) // 2
        if _tokens(replace(source, text=source.text[:middle]), count) <= budget:
            low = middle
        else:
            high = middle - 1
    kept = replace(source, text=source.text[:low], end=source.start + low)
    return replace(kept, tokens=_tokens(kept, count))
