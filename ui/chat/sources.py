"""The sources under an answer, as HTML: cards with the passage in its document and what is cited from it. Everything is escaped."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from rag.errors import AtlasError
from rag.types import Chunk, Citation, Context, Document, Evidence, Hit, Source
from ui.chat.text import Text
from ui.plain import one_line, plain

AROUND = 400
"""Characters of the document shown before and after a passage."""
DROPPED = 20
"""Passages that were left out and are listed."""


@dataclass(frozen=True, slots=True)
class Passage:
    """The part of a document that a card shows: ``text`` begins at character `offset` of the document."""

    text: str
    offset: int
    title: str


def passages(context: Context, document: Callable[[str], Document]) -> dict[int, Passage]:
    """Source number -> the passage in its document; the passage alone when the document is in the index no more."""
    found = {}
    for source in context.sources:
        try:
            whole = document(source.document_id)
        except AtlasError:
            found[source.number] = Passage(source.text, source.start, source.path)
            continue
        start, end = max(0, source.start - AROUND), min(len(whole.text), source.end + AROUND)
        start = whole.text.find(" ", start, source.start) + 1 if start else 0
        end = max(whole.text.rfind(" ", source.end, end), source.end) if end < len(whole.text) else end
        found[source.number] = Passage(whole.text[start:end], start, whole.title)
    return found


def cards(context: Context, shown: Mapping[int, Passage], citations: Sequence[Citation], *, text: Text, prefix: str) -> str:
    """All cards of an answer, the evidence, and what was left out. `prefix` makes the ids of the cards unique in the page."""
    cited = {source.number: [each for each in citations if each.number == source.number] for source in context.sources}
    listed = "".join(_card(source, shown, cited[source.number], text, prefix) for source in context.sources)
    head = f"<h4>{text.sources}</h4>{_evidence(context.evidence, text)}"
    body = listed or f'<p class="none">{text.no_sources}</p>'
    return f'<section class="sources"><div class="sources-head">{head}</div>{body}{_dropped(context.dropped, text)}</section>'


def section(chunk: Chunk) -> str:
    """The headings a chunk stands under, "Title › Section"; "" when it has none."""
    return one_line(chunk.metadata.get("section", "") or chunk.header.split("\n")[0], 90).replace(" > ", " › ")


def card_id(prefix: str, number: int) -> str:
    return f"{prefix}-s{number}"


def _card(source: Source, shown: Mapping[int, Passage], citations: Sequence[Citation], text: Text, prefix: str) -> str:
    passage = shown.get(source.number) or Passage(source.text, source.start, source.path)
    title = section(min(source.hits, key=lambda hit: hit.chunk.start).chunk) or one_line(passage.title, 90) or one_line(source.path, 90)
    where = [one_line(source.path, 80), *([text.page.format(source.page)] if source.page else [])]
    mark = ""
    if citations:
        by_model = any(each.by == "model" for each in citations)
        kind, why = ("cited", "") if by_model else ("matched", f' title="{escape(text.matched_why)}"')
        mark = f'<span class="badge {kind}"{why}>{text.cited if by_model else text.matched}</span>'
    return (
        f'<details class="card" id="{escape(card_id(prefix, source.number))}"><summary>'
        f'<span class="number">{source.number}</span><span class="what"><span class="title">{escape(title)}</span>'
        f'<span class="where">{escape(" · ".join(where))}</span></span>{mark}'
        f'<span class="score"><span class="unseen">{text.score} </span>{text.number(source.score, 3)}</span></summary>'
        f'<div class="passage" tabindex="0">{highlighted(passage, source, citations)}</div>{_scores(source.hits, text)}</details>'
    )


def highlighted(passage: Passage, source: Source, citations: Sequence[Citation]) -> str:
    """The passage as HTML: what the model was given stands out from the text around it, and what is cited is marked.

    Offsets are those of the document; text is cleaned after it was cut, so that they stay right.
    """
    begin, end = passage.offset, passage.offset + len(passage.text)

    def inside(offset: int) -> int:
        return min(max(begin, offset), end)

    marks = [(inside(each.start), inside(each.end), each.by) for each in citations]
    edges = sorted({begin, end, inside(source.start), inside(source.end), *(edge for mark in marks for edge in mark[:2])})
    pieces = []
    for left, right in pairwise(edges):
        words = escape(plain(passage.text[left - begin : right - begin]))
        by = next((mark[2] for mark in marks if mark[0] <= left and right <= mark[1]), "")
        if by:
            words = f'<mark class="{by}">{words}</mark>'
        given = source.start <= left and right <= source.end
        pieces.append(words if given else f'<span class="around">{words}</span>')
    return "".join(pieces)


def _scores(hits: Sequence[Hit], text: Text) -> str:
    best = max(hits, key=lambda hit: hit.score)
    found = [
        (text.cosine, best.dense, 3, best.dense_rank),
        (text.words, best.lexical, 1, best.lexical_rank),
        (text.reranked, best.rerank, 3, None),
    ]
    parts = [
        f"{name} {text.number(value, digits)}" + (f", {text.rank.format(rank)}" if rank else "")
        for name, value, digits, rank in found
        if value is not None
    ]
    return f'<p class="scores">{text.scores}: {escape("; ".join(parts))}</p>' if parts else ""


def _evidence(evidence: Evidence, text: Text) -> str:
    weak = f' <span class="badge weak">{text.evidence_weak}</span>' if evidence.weak else ""
    why = escape(text.evidence_why.format(text.number(evidence.threshold, 2)))
    return f'<span class="evidence" title="{why}">{text.evidence} {text.number(evidence.score, 2)}{weak}</span>'


def _dropped(dropped: Sequence[tuple[Hit, str]], text: Text) -> str:
    if not dropped:
        return ""
    rows = "".join(
        f"<li><span>{escape(section(hit.chunk) or one_line(hit.chunk.path, 90))}</span> "
        f"<em>{escape(one_line(text.reason(why), 120))}</em></li>"
        for hit, why in dropped[:DROPPED]
    )
    return f'<details class="dropped"><summary>{text.dropped}: {len(dropped)}</summary><ul>{rows}</ul></details>'
