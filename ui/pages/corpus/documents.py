"""The list of documents and the view of one, as HTML."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from ui.pages.corpus.chunks import part_of, parts, tinted
from ui.pages.corpus.markup import button, line, safe, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.index.corpus_db import Listed
    from rag.index.opened import Index
    from ui.pages.corpus.text import Words

ROWS = 25


def listing(found: Sequence[Listed], page: int, chosen: str, words: Words) -> str:
    """One page of the documents. `page` counts from 0 and is brought into range."""
    if not found:
        return f'<p class="soft" role="status">{safe(words.none_found)}</p>'
    last = (len(found) - 1) // ROWS
    page = min(max(page, 0), last)
    rows = [_row(each, each.id == chosen, words) for each in found[page * ROWS : (page + 1) * ROWS]]
    heads = [words.columns[name] for name in ("path", "language", "chunks", "characters", "media")]
    return table(words.documents, heads, rows, kind="documents") + _pager(len(found), page, last, words)


def _row(each: Listed, chosen: bool, words: Words) -> list[str]:
    folder, _, name = each.path.rpartition("/")
    where = f"{folder}/" if folder else ""
    title = f'<span class="soft named">{line(each.title, 90)}</span>' if each.title else ""
    pick = (
        f'<button type="button" class="pick" data-pick="doc:{safe(each.id)}" aria-pressed="{"true" if chosen else "false"}">'
        f'<span class="path"><span class="soft">{line(where, 60)}</span>{line(name, 80)}</span>{title}</button>'
    )
    return [
        pick, safe(words.language(each.language)), words.number(each.chunks), words.number(each.characters), safe(each.media)
    ]  # fmt: skip


def _pager(count: int, page: int, last: int, words: Words) -> str:
    shown = words.shown.format(*map(words.number, (page * ROWS + 1, min((page + 1) * ROWS, count), count)))
    before = button(words.before, f"page:{page - 1}", key="before") if page else ""
    after = button(words.after, f"page:{page + 1}", key="after") if page < last else ""
    return f'<nav class="pager" aria-label="{safe(words.documents)}">{before}<span class="soft" role="status">{shown}</span>{after}</nav>'


def view(index: Index, document_id: str, part: int, chosen: int, words: Words) -> str:
    """One document with its chunks. `chosen`: the start of a chunk to go to, -1 for none; else part number `part` is shown."""
    document, chunks = index.document(document_id), index.chunks_of(document_id)
    spans = parts(document.text, chunks)
    part = part_of(spans, chosen) if chosen >= 0 else min(max(part, 0), len(spans) - 1)
    told = [
        line(document.path, 120),
        safe(words.language(document.language)),
        words.chunks.format(words.number(len(chunks))),
        words.characters.format(words.number(len(document.text))),
    ]
    told += [words.pages.format(len(document.pages))] if document.pages else []
    legend = [words.legend] + ([words.legend_overlap] if any(one.end > two.start for one, two in pairwise(chunks)) else [])
    text = tinted(document.text, chunks, words, span=spans[part], chosen=chosen)
    return (
        f'<article class="document" lang="{words.code}"><header><h3 tabindex="-1">{line(document.title or document.path, 160)}</h3>'
        f'<p class="soft">{" · ".join(told)}</p><p class="legend soft">{" ".join(map(safe, legend))}</p>'
        f"{_parts(document_id, part, spans, words)}"
        f'</header><div class="text" tabindex="0" lang="{safe(document.language)}" data-chosen="{chosen}">{text}</div></article>'
    )


def _parts(document_id: str, part: int, spans: Sequence[tuple[int, int]], words: Words) -> str:
    if len(spans) < 2:
        return ""
    before = button(words.before, f"part:{document_id}:{part - 1}", key="part-before") if part else ""
    after = button(words.after, f"part:{document_id}:{part + 1}", key="part-after") if part < len(spans) - 1 else ""
    return f'<nav class="pager">{before}<span class="soft" role="status">{words.part_of.format(part + 1, len(spans))}</span>{after}</nav>'
