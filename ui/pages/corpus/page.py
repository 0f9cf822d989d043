"""The corpus page: its events. What is shown is made in the modules beside, what it is laid out from in `layout`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from rag.errors import UserError
from rag.index import sources, versions
from ui.chat.session import Session
from ui.guard.door import is_loopback
from ui.jobs.card import job_card
from ui.jobs.card import style as job_style
from ui.jobs.record import BUSY
from ui.messages.translation import in_words
from ui.pages.corpus import adding, hits, uploads
from ui.pages.corpus.contents import Contents, Here, guarded
from ui.pages.corpus.layout import LONGEST, LOOK, PARTS, Layout
from ui.pages.corpus.markup import note, safe
from ui.pages.corpus.text import WORDS, Part, Words
from ui.pages.page import look_again

if TYPE_CHECKING:
    from ui.chat.text import Language
    from ui.jobs.jobs import Job
    from ui.pages.page import Desk, Name, Shell

STILL: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "queue": False}


class CorpusPage:
    """One page for all sessions; what a session looks at is in its `Here`."""

    name: Name = "corpus"

    def __init__(self, desk: Desk) -> None:
        self.desk, self.settings = desk, desk.settings
        self.shows = Contents(desk.settings)
        self.style = job_style() + Path(__file__).with_name("style.css").read_text(encoding="utf-8")

    def title(self, language: Language) -> str:
        return WORDS[language].title

    def build(self, language: Language) -> None:
        self.here = gr.State(Here())
        self.on = Layout(language, folders=is_loopback(self.settings.ui.host), upload_mb=self._limit())

    def worded(self) -> Sequence[Any]:
        return self.on.worded()

    def speak(self, language: Language) -> Sequence[Any]:
        return self.on.speak(WORDS[language])

    def wire(self, shell: Shell) -> None:
        on, me = self.on, [shell.session, self.here]
        everything = [on.summary, on.rebuild, on.cancel, on.job, on.timer, *self._contents()]
        # The last one counts: with Gradio's usual "once", a language that is set while the page is shown would be missed.
        shell.opened(self.name)(self._open, me, everything, trigger_mode="always_last", **STILL)
        for part, tab in on.tab.items():
            tab.select(partial(self._turn, part), me, self._contents(), trigger_mode="always_last", **STILL)
        on.timer.tick(self._tick, [*me, shell.open], everything, js=LOOK, **STILL)
        on.rebuild.click(self._rebuild, me, [on.told, *everything], **STILL)
        on.cancel.click(self._cancel, me, [on.told, *everything], **STILL)
        on.filter.input(self._filter, [*me, on.filter], [on.listing], trigger_mode="always_last", **STILL)
        for shown in (on.listing, on.view, on.hits):
            shown.click(self._pick, me, [on.tabs, on.listing, on.view], **STILL)
        gr.on(
            [on.question.submit, on.find.click],
            self._find,
            [*me, on.question],
            [on.hits, on.map],
            concurrency_limit=None,
            **{**STILL, "queue": True},
        )
        on.upload.upload(self._upload, [*me, on.upload], [on.taken, on.sources], **STILL)
        gr.on([on.add_folder.click, on.folder.submit], self._add_folder, [*me, on.folder], [on.taken, on.sources, on.folder], **STILL)
        on.sources.click(self._change_sources, me, [on.taken, on.sources], **STILL)
        on.versions.click(self._change_version, me, [on.told, *everything], **STILL)

    def _contents(self) -> list[Any]:
        on = self.on
        return [on.listing, on.view, on.hits, on.map, on.sources, on.health, on.versions]

    def _limit(self) -> float:
        return min(self.settings.ui.upload_mb, self.settings.ingest.max_file_mb)

    # Looking

    async def _open(self, session: Session, here: Here) -> list[Any]:
        return await asyncio.to_thread(self._everything, session, here)

    async def _turn(self, part: Part, session: Session, here: Here) -> Sequence[Any]:
        here.part = part
        return await asyncio.to_thread(self.shows.parts, here, WORDS[session.language])

    def _everything(self, session: Session, here: Here, *, contents: bool = True) -> list[Any]:
        """Summary, buttons, the rebuild, whether to look again, and what is on the open part."""
        words = WORDS[session.language]
        job = self._job(here)
        busy = job is not None and job.state in BUSY
        card = job_card(replace(job, title=words.rebuild_title), session.language) if job else ""
        shown = self.shows.parts(here, words) if contents else [gr.skip()] * len(self._contents())
        top = guarded(partial(self.shows.summary, words), words.code)
        return [top, gr.Button(interactive=not busy), gr.Button(visible=busy), card, look_again(busy), *shown]

    def _job(self, here: Here) -> Job | None:
        """The rebuild to show: one that runs, whoever started it, or the one that this tab watched."""
        known = self.desk.jobs.all("index")
        running = next((job for job in reversed(known) if job.state in BUSY), None)
        if running is not None:
            here.job = running.id
        return next((job for job in known if job.id == here.job), None)

    # Documents and search

    async def _filter(self, session: Session, here: Here, typed: str) -> str:
        here.filter, here.page = typed[:200], 0
        return await asyncio.to_thread(guarded, partial(self.shows.listing, here, WORDS[session.language]), session.language)

    async def _pick(self, session: Session, here: Here, event: gr.EventData) -> list[Any]:
        """A document, a page of the list, a part of a text, or a hit to be shown in its document."""
        kind, _, rest = _picked(event).partition(":")
        words, moved = WORDS[session.language], kind == "hit"
        first, _, second = rest.partition(":")
        if kind == "page":
            here.page = _number(rest)
        elif kind in ("doc", "part", "hit"):
            here.document = first
            here.piece = _number(second) if kind == "part" else 0
            here.chosen = _number(second) if kind == "hit" else -1
        here.part = "documents"
        listing = await asyncio.to_thread(guarded, partial(self.shows.listing, here, words), words.code)
        if kind == "page":
            return [gr.skip(), listing, gr.skip()]
        view = await asyncio.to_thread(guarded, partial(self.shows.view, here, words), words.code)
        return [gr.Tabs(selected="documents") if moved else gr.skip(), listing, view]

    async def _find(self, session: Session, here: Here, question: str) -> AsyncGenerator[list[Any], None]:
        words, question = WORDS[session.language], question.strip()[:LONGEST]
        if not question:
            yield [gr.skip(), gr.skip()]
            return
        here.searching += 1
        try:
            yield [f'<p class="soft" role="status">{safe(words.searching)} …</p>', gr.skip()]
            wrong = ""
            try:
                here.found = await asyncio.to_thread(lambda: hits.search(self.desk.assistant.retriever, question))
            except UserError as exc:
                here.found = None
                wrong = note(in_words(exc, words.code), "bad")
            drawn = partial(self.shows.map, here, words)
            yield await asyncio.to_thread(lambda: [wrong or self.shows.hits(here, words), guarded(drawn, words.code)])
        finally:
            here.searching -= 1

    # Changing

    async def _tick(self, session: Session, here: Here, shown: str) -> list[Any]:
        """The rebuild's card; and everything, when another version is live, the rebuild has ended, or language or part are others.

        `shown`: see `LOOK`.
        """
        page, _, part = shown.partition(" ")

        def look() -> list[Any]:
            job = self._job(here)
            busy = job is not None and job.state in BUSY
            now = f"{versions.live(versions.folder_of(self.settings))} {job.id if job else ''} {busy} {session.language}"
            open_part = next((each for each in PARTS if each == part), here.part)
            moved = open_part != here.part
            if page != self.name or (now == here.seen and not busy and not moved):
                return [*[gr.skip()] * 4, look_again(busy), *[gr.skip()] * len(self._contents())]
            here.seen, here.part = now, open_part
            return self._everything(session, here, contents=not busy or moved)

        return await asyncio.to_thread(look)

    async def _rebuild(self, session: Session, here: Here) -> list[Any]:
        return await self._did(session, here, lambda words: self._start(here, words))

    def _start(self, here: Here, words: Words) -> str:
        here.job = self.desk.jobs.start("index", words.rebuild_title, ["index", "build"]).id
        return ""

    async def _cancel(self, session: Session, here: Here) -> list[Any]:
        def cancel(words: Words) -> str:
            if (job := self._job(here)) is not None:
                self.desk.jobs.cancel(job.id)
            return ""

        return await self._did(session, here, cancel)

    async def _change_version(self, session: Session, here: Here, event: gr.EventData) -> list[Any]:
        kind, _, version = _picked(event).partition(":")

        def change(words: Words) -> str:
            if kind == "live":
                return note(words.is_live.format(versions.rollback(self.settings, version).version), "good")
            if kind == "delete" and version:
                with suppress(UserError):  # lets go of the version before, if nothing was asked since the last rebuild
                    self.desk.assistant.retriever.live.current()
                versions.delete(self.settings, version)
                return note(words.was_deleted.format(version), "good")
            return ""

        return await self._did(session, here, change)

    async def _did(self, session: Session, here: Here, action: Callable[[Words], str]) -> list[Any]:
        """Do it, say what came of it, and show everything as it is then."""

        def both() -> list[Any]:
            words = WORDS[session.language]
            return [guarded(partial(action, words), words.code), *self._everything(session, here)]

        return await asyncio.to_thread(both)

    async def _upload(self, session: Session, here: Here, files: Sequence[str] | None) -> list[Any]:
        words = WORDS[session.language]

        def take() -> list[Any]:
            given = [Path(file) for file in files or ()]
            taken = uploads.take(given, adding.folder_of(self.settings), limit_mb=self._limit())
            for file in given:  # the copies that Gradio made
                file.unlink(missing_ok=True)
            return [adding.told(taken, words), guarded(partial(adding.shown, self.settings, words), words.code)]

        return await asyncio.to_thread(take)

    async def _add_folder(self, session: Session, here: Here, folder: str) -> list[Any]:
        words = WORDS[session.language]
        if not is_loopback(self.settings.ui.host):  # a request can be made without the field being shown
            return [note(words.folder_not_here, "bad"), gr.skip(), gr.skip()]
        try:
            name = await asyncio.to_thread(sources.add, self.settings.home, Path(folder.strip()).expanduser())
        except UserError as exc:
            return [note(in_words(exc, words.code), "bad"), gr.skip(), gr.skip()]
        shown = await asyncio.to_thread(adding.shown, self.settings, words)
        return [note(words.saved.format(f"{name}/"), "good") + note(words.to_rebuild), shown, ""]

    async def _change_sources(self, session: Session, here: Here, event: gr.EventData) -> list[Any]:
        kind, _, name = _picked(event).partition(":")
        words = WORDS[session.language]

        def change() -> str:
            if kind == "remove":
                uploads.remove(adding.folder_of(self.settings), name)
            elif kind == "folder":
                sources.remove(self.settings.home, name)
            elif kind == "corpus":
                sources.with_corpus(self.settings.home, name == "in")
                return note(words.to_rebuild)
            return note(words.removed.format(name), "good") + note(words.to_rebuild)

        said = await asyncio.to_thread(guarded, change, words.code)
        return [said, await asyncio.to_thread(guarded, partial(adding.shown, self.settings, words), words.code)]


def _picked(event: gr.EventData) -> str:
    """What the button of ours said; whatever else a browser may send is nothing."""
    sent = event._data
    return str(sent.get("pick", "")) if isinstance(sent, dict) else ""


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else 0
