"""What each part of the corpus page shows, for one browser tab as it stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import gradio as gr

from rag.errors import UserError
from rag.index import report, versions
from ui.messages.translation import in_words
from ui.pages.corpus import adding, documents, health, hits, plan, shelf
from ui.pages.corpus.layout import PARTS
from ui.pages.corpus.markup import note, safe
from ui.pages.corpus.reading import Reading
from ui.pages.corpus.text import Part, Words

if TYPE_CHECKING:
    from rag.settings import Settings
    from ui.chat.text import Language

PIECES: dict[Part, int] = {"documents": 2, "search": 2, "add": 1, "health": 1, "versions": 1}
"""How many components each part fills."""


@dataclass(slots=True)
class Here:
    """Where one browser tab stands on this page. `chosen`: the start of a chunk to show; `job`: the rebuild that it watches."""

    part: Part = "documents"
    filter: str = ""
    page: int = 0
    document: str = ""
    piece: int = 0
    chosen: int = -1
    found: hits.Asked | None = None
    searching: int = 0
    """Searches under way: they will say what was found, and where it lies."""
    job: str = ""
    seen: str = ""
    """Live version and state of the rebuild at the last look."""


def guarded(make: Callable[[], str], language: Language) -> str:
    """What it makes, or in its place the line that says why it cannot be made."""
    try:
        return make()
    except UserError as exc:
        return note(in_words(exc, language), "bad")


class Contents:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.reading = Reading(settings)

    def parts(self, here: Here, words: Words) -> Sequence[Any]:
        """What the open part shows; the others are left as they are until they are opened, and so is what a search changes meanwhile."""
        now = replace(here)
        made: dict[Part, Sequence[Callable[[Here, Words], str]]] = {
            "documents": (self.listing, self.view),
            "search": (self.hits, self.map),
            "add": (self.sources,),
            "health": (self.health,),
            "versions": (self.versions,),
        }
        shown: list[Any] = []
        for part in PARTS:
            opened = made[part] if part == now.part else ()
            drawn = [guarded(partial(make, now, words), words.code) for make in opened]
            overtaken = part == "search" and (here.searching or here.found is not now.found)
            shown += [gr.skip()] * PIECES[part] if overtaken or not drawn else drawn
        return shown

    def summary(self, words: Words) -> str:
        opened = self.reading.live()
        if opened is None:
            return f'<p class="summary"><b>{safe(words.no_index)}.</b> {safe(words.no_index_more)}</p>'
        described = opened.index.manifest
        told = words.summary.format(words.number(described.documents), words.number(described.chunks), described.version)
        built = words.built.format(words.since(datetime.fromisoformat(described.created)))
        return f'<p class="summary" lang="{words.code}"><b>{safe(told)}</b> <span class="soft">{safe(built)}</span></p>'

    def listing(self, here: Here, words: Words) -> str:
        opened = self.reading.live()
        if opened is None:
            return f'<p class="soft choose">{safe(words.no_index)}. {safe(words.no_index_more)}</p>'
        return documents.listing(opened.matching(here.filter), here.page, here.document, words)

    def view(self, here: Here, words: Words) -> str:
        opened = self.reading.live()
        if opened is None:
            return ""
        known = any(each.id == here.document for each in opened.listed)
        if not known:  # none was chosen, or it has left the corpus since
            return f'<p class="soft choose">{safe(words.choose)}</p>'
        return documents.view(opened.index, here.document, here.piece, here.chosen, words)

    def hits(self, here: Here, words: Words) -> str:
        return hits.hits(here.found, words) if here.found else f'<p class="soft choose">{safe(words.search_about)}</p>'

    def map(self, here: Here, words: Words) -> str:
        """With the question on it, if the version that answered it is still the live one."""
        opened = self.reading.live()
        if opened is None:
            return ""
        made = opened.planned()
        if here.found is None or here.found.version != opened.index.version:
            return plan.drawn(made, words)
        found = opened.index.vectors([hit.chunk.id for hit in here.found.hits]) if here.found.hits else None
        return plan.drawn(made, words, question=here.found.vector, found=found)

    def sources(self, here: Here, words: Words) -> str:
        return adding.shown(self.settings, words)

    def health(self, here: Here, words: Words) -> str:
        last = report.read(versions.folder_of(self.settings))
        told = f'<p class="soft">{safe(words.last_build.format(words.since(last[0])))}</p>' if last else ""
        return told + health.health(self.reading.wanted(), last[1] if last else None, words)

    def versions(self, here: Here, words: Words) -> str:
        return shelf.shown(self.settings, words)
