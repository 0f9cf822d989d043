"""A document's text as HTML with its chunks visible on it. Markup is only added: without it the text is there, letter by letter."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING

from rag.types import Chunk
from ui.plain import one_line, plain

if TYPE_CHECKING:
    from ui.pages.corpus.text import Words

PART = 20_000
"""Characters of a part of a big document, about; parts begin where a chunk does."""


def parts(text: str, chunks: Sequence[Chunk], size: int = PART) -> list[tuple[int, int]]:
    """Spans that cover the text; each but the first begins at a chunk (or, without one, anywhere) once `size` is reached."""
    cuts = [0]
    for start in sorted({chunk.start for chunk in chunks} | set(range(0, len(text), 4 * size))):
        if start - cuts[-1] >= size:
            cuts.append(start)
    return list(pairwise([*cuts, len(text)])) if text else [(0, 0)]


def part_of(spans: Sequence[tuple[int, int]], offset: int) -> int:
    """The number of the part that a character is in."""
    return max((number for number, (start, _) in enumerate(spans) if start <= offset), default=0)


def tinted(text: str, chunks: Sequence[Chunk], words: Words, *, span: tuple[int, int], chosen: int = -1) -> str:
    """The text of `span`: a tint for each chunk in turn, a numbered mark where one begins, an underline where two overlap.

    Numbers, headings and pages are in attributes, which the style sheet shows. `chosen`: the start of the chunk that stands out.
    Offsets are those of the document; text is cleaned after it was cut, so that they stay right.
    """
    begin, end = span
    numbered = [(number, chunk) for number, chunk in enumerate(chunks, 1) if chunk.start < end and chunk.end > begin]
    edges = sorted({begin, end, *(min(max(edge, begin), end) for _, chunk in numbered for edge in (chunk.start, chunk.end))})
    starts = {chunk.start: (number, chunk) for number, chunk in numbered if chunk.start >= begin}
    pieces = []
    for left, right in pairwise(edges):
        over = [number for number, chunk in numbered if chunk.start <= left and right <= chunk.end]
        mark = _mark(*starts[left], words) if left in starts else ""
        inside = escape(plain(text[left:right]))
        kind = f"c{over[-1] % 2}" + (" both" if len(over) > 1 else "") if over else "none"
        if chosen >= 0 and any(chunks[number - 1].start == chosen for number in over):
            kind += " chosen"
        pieces.append(f'{mark}<span class="{kind}">{inside}</span>')
    return "".join(pieces)


def _mark(number: int, chunk: Chunk, words: Words) -> str:
    head = one_line(chunk.header.replace("\n", " › "), 120)
    page = [words.page.format(chunk.page)] if chunk.page else []
    told = " · ".join(
        [words.chunk.format(number), *([head] if head else []), *page, words.characters.format(words.number(len(chunk.text)))]
    )
    shown = " · ".join(filter(None, [head, *page]))
    return f'<b class="edge" id="chunk-{chunk.start}" title="{escape(told)}" data-n="{number}" data-head="{escape(shown)}"></b>'
