"""What a search found, as HTML: the scores of each half, and the passage with the question's words marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from ui.chat.sources import section
from ui.pages.corpus.markup import button, line, safe
from ui.plain import plain

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rag.retrieve.retriever import Retriever
    from rag.types import Hit
    from ui.pages.corpus.text import Words

SNIPPET = 320
"""Characters shown of a longer passage until it is opened."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A search and what it found, without the index that answered: a browser tab may stay open long after that is gone."""

    question: str
    vector: NDArray[np.float32]
    hits: tuple[Hit, ...]
    repeats: int
    total: int
    version: str


def search(retriever: Retriever, question: str) -> Asked:
    """Raises UserError."""
    found = retriever.look_up(question)
    vector = retriever.embedder.embed_query(question)
    return Asked(question, vector, found.hits, len(found.repeats), len(found.index), found.index.version)


def hits(found: Asked, words: Words) -> str:
    if not found.hits:
        return f'<p class="soft" role="status">{safe(words.found_nothing)}</p>'
    told = words.found.format(len(found.hits), words.number(found.total))
    told += f"; {words.repeats.format(found.repeats)}" if found.repeats else ""
    listed = "".join(_hit(found.question, hit, rank, words) for rank, hit in enumerate(found.hits, 1))
    return f'<p class="soft" role="status">{safe(told)}</p><ol class="hits">{listed}</ol>'


def _hit(question: str, hit: Hit, rank: int, words: Words) -> str:
    chunk = hit.chunk
    where = [line(chunk.path, 100), *([words.page.format(chunk.page)] if chunk.page else [])]
    title = section(chunk) or chunk.path
    halves = [
        _half(words.meaning, hit.dense, hit.dense_rank, 3, words),
        _half(words.terms, hit.lexical, hit.lexical_rank, 1, words),
        *([_half(words.reranked, hit.rerank, None, 3, words)] if hit.rerank is not None else []),
    ]
    return (
        f'<li><header><span class="number" aria-hidden="true">{rank}</span><div><h4>{line(title, 120)}</h4>'
        f'<p class="soft">{" · ".join(where)}</p></div><p class="score">{words.score} <b>{words.number(hit.score, 3)}</b></p></header>'
        f'<p class="halves">{"".join(halves)}</p>{_passage(question, chunk.text, rank, words)}'
        f"{button(words.open, f'hit:{chunk.document_id}:{chunk.start}')}</li>"
    )


def _half(name: str, score: float | None, rank: int | None, digits: int, words: Words) -> str:
    said = "–" if score is None else words.number(score, digits) + (f", {words.rank.format(rank)}" if rank else "")
    return f'<span class="half">{safe(name)} <b>{said}</b></span>'


def _passage(question: str, text: str, rank: int, words: Words) -> str:
    spans = marks(question, text)
    if len(text) <= SNIPPET * 1.3:
        return f'<p class="passage">{marked(text, spans)}</p>'
    start, end = window(text, spans)
    before, after = "… " if start else "", " …" if end < len(text) else ""
    inside = [(max(left, start) - start, min(right, end) - start) for left, right in spans if left < end and right > start]
    return (
        f'<p class="passage">{before}{marked(text[start:end], inside)}{after}</p>'
        f'<details id="hit-{rank}"><summary>{safe(words.whole)}</summary><p class="passage">{marked(text, spans)}</p></details>'
    )


def marks(question: str, text: str) -> list[tuple[int, int]]:
    """Spans of the words of `text` that the question's words find: their stems are the same."""
    from rag.index.words import COMPOUND, query_terms

    asked = {term for word in COMPOUND.findall(question) for term in query_terms(word, {})}
    asked = {term for term in asked if len(term) > 2 or not term.isalpha()} or asked  # "in" and "of" say nothing
    return [word.span() for word in COMPOUND.finditer(text) if asked & set(query_terms(word.group(), {}))]


def window(text: str, spans: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The part of the text with most of the spans in it, from a word's start to a word's end."""
    best = max((start for start, _ in spans), key=lambda start: sum(start <= other < start + SNIPPET - 60 for other, _ in spans), default=0)
    start = max(0, min(best - 60, len(text) - SNIPPET))
    start = text.find(" ", start, best) + 1 if start else 0
    end = min(len(text), start + SNIPPET)
    return start, end if end == len(text) else max(text.rfind(" ", start + SNIPPET // 2, end), start + SNIPPET // 2)


def marked(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """The text as HTML with these spans in <mark>; they are in order and do not overlap."""
    pieces, at = [], 0
    for start, end in spans:
        pieces += [escape(plain(text[at:start])), f"<mark>{escape(plain(text[start:end]))}</mark>"]
        at = end
    return "".join([*pieces, escape(plain(text[at:]))])
