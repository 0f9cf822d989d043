"""The adapters' page: its events. What is shown is made in `cards`, `compare` and `work`, what it is laid out from in `layout`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from rag.errors import UserError
from ui.chat.session import Session
from ui.jobs.card import style as job_style
from ui.jobs.record import BUSY
from ui.messages.translation import in_words
from ui.pages.adapters import cards, compare, form, reading, work
from ui.pages.adapters.form import Form
from ui.pages.adapters.layout import Layout, help_line
from ui.pages.adapters.markup import done, paragraph, problem
from ui.pages.adapters.text import WORDS, Words
from ui.pages.evaluate import pairs
from ui.pages.page import OPEN, drawn_from, look_again, states_of

if TYPE_CHECKING:
    from ui.chat.text import Language
    from ui.jobs.jobs import Job
    from ui.pages.adapters.reading import Entry
    from ui.pages.page import Desk, Name, Shell

STILL: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "queue": False}
STYLE = Path(__file__).with_name("style.css")


class AdaptersPage:
    """One page for all sessions; what a session chose is in its components."""

    name: Name = "adapters"

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.style = job_style() + STYLE.read_text(encoding="utf-8")

    def title(self, language: Language) -> str:
        return WORDS[language].title

    def build(self, language: Language) -> None:
        self.parts = Layout(self.desk.settings, language)

    def worded(self) -> Sequence[Any]:
        return self.parts.worded()

    def speak(self, language: Language) -> Sequence[Any]:
        return self.parts.speak(WORDS[language])

    def wire(self, shell: Shell) -> None:
        on, session = self.parts, shell.session
        chosen, shown, works = [session, on.shelf, on.other], self._shown_parts(), self._work_parts()
        shell.opened(self.name)(self._open, [*chosen, on.method], [*shown, *works, on.files, on.name, on.help], **STILL)
        on.shelf.input(self._choose, [session, on.shelf], shown, **STILL)
        on.other.input(self._compare, chosen, [on.table], **STILL)
        on.timer.tick(self._tick, [*chosen, on.seen, shell.open], [*shown, *works], js=OPEN, **STILL)
        actions: Mapping[work.Action, gr.Button] = {
            "load": on.load, "unload": on.unload, "merge": on.merge, "export": on.export, "delete": on.yes
        }  # fmt: skip
        for action, button in actions.items():
            button.click(partial(self._act, action), [session, on.shelf], works, **STILL)
        on.delete.click(self._sure, [session, on.shelf], [on.sure, on.sure_words], **STILL)
        gr.on([on.no.click, on.yes.click, on.shelf.input], _not_sure, None, [on.sure], **STILL)
        on.ask.click(_to_compare, None, [shell.tabs], **STILL)
        on.method.input(self._method, [session, on.method], [on.help, on.name], **STILL)
        on.upload.upload(self._upload, [session, on.upload, on.files], [on.files, on.uploaded], **STILL)
        on.estimate.click(partial(self._train, True), [session, *on.form()], works, **STILL)
        on.start.click(partial(self._train, False), [session, *on.form()], works, **STILL)
        on.stop.click(self._stop, [session], works, **STILL)
        on.resume.click(self._resume, [session, on.unfinished], works, **STILL)

    def _shown_parts(self) -> list[Any]:
        on = self.parts
        return [on.shelf, on.load, on.ask, on.unload, on.merge, on.export, on.delete, on.sheet, on.other, on.table, on.seen]

    def _work_parts(self) -> list[Any]:
        on = self.parts
        return [on.moved, on.live, on.wrong, on.stop, on.rest, on.unfinished, on.timer]

    # What is shown

    async def _open(self, session: Session, chosen: str | None, other: str | None, method: str) -> list[Any]:
        words = WORDS[session.language]
        return await asyncio.to_thread(lambda: [*self._shown(words, chosen, other), *self._works(words), *self._fresh(words, method)])

    async def _choose(self, session: Session, chosen: str | None) -> list[Any]:
        return await asyncio.to_thread(self._shown, WORDS[session.language], chosen, None)

    async def _compare(self, session: Session, chosen: str | None, other: str | None) -> str:
        return await asyncio.to_thread(lambda: self._table(reading.entries(self.desk.settings), chosen, other, WORDS[session.language]))

    async def _tick(self, session: Session, chosen: str | None, other: str | None, seen: str, shown: str) -> list[Any]:
        """The jobs; and the list and the card, when they were drawn from something else than what is so by now."""
        if shown != self.name:
            return [gr.skip()] * 18
        words = WORDS[session.language]
        works = await asyncio.to_thread(self._works, words)
        works[2] = gr.skip()  # what was wrong with the form stays until it is sent again
        if seen == drawn_from(words.code, chosen, states_of(self._mine())):
            works[4:6] = [gr.skip()] * 2  # so does what was chosen among the unfinished ones
            return [*[gr.skip()] * 11, *works]
        return [*await asyncio.to_thread(self._shown, words, chosen, other), *works]

    def _mine(self) -> list[Job]:
        return [job for job in self.desk.jobs.all() if job.kind in ("train", "load", "merge")]

    def _shown(self, words: Words, chosen: str | None, other: str | None) -> list[Any]:
        jobs = states_of(self._mine())
        found = reading.entries(self.desk.settings)
        names = [each.name for each in found]
        entry = next((each for each in found if each.name == chosen), found[0] if found else None)
        if entry is None:
            return [
                gr.Radio(choices=[], value=None),
                *[_show(False)] * 6,
                paragraph(words.none, "empty"),
                gr.Dropdown(visible=False),
                "",
                drawn_from(words.code, None, jobs),
            ]
        others = [("–  " + words.compare_none, ""), *((name, name) for name in names if name != entry.name)]
        other = other if other in names and other != entry.name else ""
        return [
            gr.Radio(choices=cards.choices(found, words), value=entry.name),
            *map(_show, _possible(entry)),
            cards.card(entry, reading.here(entry, self.desk.settings), words),
            gr.Dropdown(choices=others, value=other, visible=len(others) > 1 and entry.card is not None),
            self._table(found, entry.name, other, words),
            drawn_from(words.code, entry.name, jobs),
        ]

    def _table(self, found: Sequence[Entry], one: str | None, other: str | None, words: Words) -> str:
        read = {each.name: each.card for each in found}
        ours, theirs = read.get(one or ""), read.get(other or "")
        return compare.comparison(ours, theirs, words) if ours and theirs else ""

    def _works(self, words: Words, wrong: str = "") -> list[Any]:
        """Cards of the jobs, the stop button, what can be resumed, and when to look again."""
        jobs, settings, mine = self.desk.jobs, self.desk.settings, self._mine()
        busy = any(job.state in BUSY for job in mine)
        rest = work.resumable(jobs, settings)
        lines = [(words.unfinished_line.format(name=each.name, method=each.method, step=each.step), each.name) for each in rest]
        return [
            work.moves(jobs, words),
            work.training(jobs, settings, words),
            problem(wrong, words.code),
            _show(_running(mine) is not None),
            gr.Row(visible=bool(rest)),
            gr.Dropdown(choices=lines, value=rest[0].name if rest else None),
            look_again(busy),
        ]

    def _fresh(self, words: Words, method: str) -> list[Any]:
        return [
            gr.CheckboxGroup(choices=self._files()),
            gr.Textbox(placeholder=form.suggested(self.desk.settings, method)),
            help_line(method, words),
        ]

    def _files(self) -> list[tuple[str, str]]:
        return pairs.offered(self.desk.settings, first=self.desk.settings.train.qa, kinds=pairs.JSONL)

    # What is done

    async def _act(self, action: work.Action, session: Session, chosen: str | None) -> list[Any]:
        return await self._tried(session, lambda words: work.start(action, chosen or "", self.desk.jobs, self.desk.settings, words))

    async def _train(self, estimate: bool, session: Session, *values: Any) -> list[Any]:
        filled = Form(*values)

        def start(words: Words) -> Job:
            allowed = [path for _, path in self._files()]
            said = form.command(filled, self.desk.settings, words, allowed=allowed, estimate=estimate)
            name = said[said.index("--name") + 1]
            title = words.job_estimate.format(name=name) if estimate else words.job_train.format(name=name, method=filled.method)
            return self.desk.jobs.start("train", title, said)

        return await self._tried(session, start)

    async def _resume(self, session: Session, name: str | None) -> list[Any]:
        return await self._tried(session, lambda words: work.resume(name or "", self.desk.jobs, self.desk.settings, words))

    async def _stop(self, session: Session) -> list[Any]:
        def stop(words: Words) -> None:
            found = _running(self.desk.jobs.all("train"))
            if found is not None:
                self.desk.jobs.cancel(found.id)

        return await self._tried(session, stop)

    async def _tried(self, session: Session, do: Any) -> list[Any]:
        """Do it and show the jobs; what a person can mend is shown as its own words. The list and the card are drawn again by `_tick`."""
        words = WORDS[session.language]

        def tried() -> list[Any]:
            try:
                do(words)
            except UserError as exc:
                return self._works(words, in_words(exc, words.code))
            return self._works(words)

        return await asyncio.to_thread(tried)

    async def _sure(self, session: Session, chosen: str | None) -> list[Any]:
        words = WORDS[session.language]
        return [gr.Row(visible=True), paragraph(words.delete_sure.format(name=chosen), "sure")]

    async def _method(self, session: Session, method: str) -> list[Any]:
        name = await asyncio.to_thread(form.suggested, self.desk.settings, method)
        return [help_line(method, WORDS[session.language]), gr.Textbox(placeholder=name)]

    async def _upload(self, session: Session, file: str | None, chosen: list[str]) -> list[Any]:
        words = WORDS[session.language]
        if not file:
            return [gr.skip(), ""]
        try:
            kept = await asyncio.to_thread(pairs.keep, Path(file), self.desk.settings, kinds=pairs.JSONL)
        except UserError as exc:
            return [gr.skip(), problem(in_words(exc, words.code), words.code)]
        value = [*chosen, str(kept.path.resolve())]
        said = done(words.uploaded.format(name=kept.path.name, n=kept.pairs), words.code)
        return [gr.CheckboxGroup(choices=self._files(), value=list(dict.fromkeys(value))), said]


def _running(jobs: Sequence[Job]) -> Job | None:
    """The training that runs, else the one that waits longest; one that was asked to stop already is none."""
    of_kind = [job for job in jobs if job.kind == "train" and job.state in BUSY and not job.stopping]
    return next((job for job in of_kind if job.state == "running"), of_kind[-1] if of_kind else None)


def _possible(entry: Entry) -> list[bool]:
    """Which of load, ask, unload, merge, export, delete make sense for it."""
    readable = entry.card is not None
    return [
        readable and entry.state != "loaded",
        entry.state == "loaded",
        entry.loaded,
        entry.card is not None and "merged" in entry.card.routes,
        readable,
        not entry.shipped and not entry.loaded,
    ]


def _show(visible: bool) -> Any:
    return gr.update(visible=visible)


def _not_sure() -> Any:
    return gr.Row(visible=False)


def _to_compare() -> Any:
    return gr.Tabs(selected="compare")
