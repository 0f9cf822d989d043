"""The versions of the index as HTML, with going back to one and deleting one."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from rag.errors import IndexError_
from rag.index import manifest, versions
from ui.messages.translation import in_words
from ui.pages.corpus.markup import button, line, safe, section, table

if TYPE_CHECKING:
    from rag.index.manifest import Manifest
    from rag.settings import Settings
    from ui.pages.corpus.text import Words


def shown(settings: Settings, words: Words) -> str:
    """Newest first; a damaged version is told of in its row."""
    folder = versions.folder_of(settings)
    live = versions.live(folder)
    rows = []
    for name in reversed(versions.names(folder)):
        try:
            rows.append(_row(manifest.read(folder / name), name == live, words))
        except IndexError_ as exc:
            rows.append([line(name), line(in_words(exc, words.code), 300), "", "", "", "", _buttons(name, words)])
    if not rows:
        return f'<p class="soft">{safe(words.no_index)}. {safe(words.no_index_more)}</p>'
    heads = [words.version, words.created, words.documents, words.columns["chunks"], words.embedder, words.store, ""]
    return section(words.versions, table(words.versions, heads, rows))


def _row(described: Manifest, live: bool, words: Words) -> list[str]:
    store = f"{described.store.get('name', '')} {described.store.get('kind', '')}".strip()
    at = words.since(datetime.fromisoformat(described.created))
    return [
        f"<code>{line(described.version)}</code>",
        f'<time datetime="{safe(described.created)}" title="{safe(described.created)}">{safe(at)}</time>',
        words.number(described.documents),
        words.number(described.chunks),
        line(described.embedder.get("model", "?"), 60),
        line(store, 40),
        f'<span class="tag good">✓ {safe(words.live)}</span>' if live else _buttons(described.version, words),
    ]


def _buttons(name: str, words: Words) -> str:
    back = button(words.make_live, f"live:{name}", sure=words.make_live_sure.format(name))
    return back + button(words.delete, f"delete:{name}", sure=words.delete_sure.format(name), kind="small bad")
