"""The page of evaluations: its events. What is shown is made in `running`, `showing`, `comparing` and `failures`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from rag.errors import UserError
from ui.chat.session import Session
from ui.jobs.card import job_card
from ui.jobs.record import BUSY
from ui.messages.translation import in_words
from ui.pages.adapters.markup import done, paragraph, problem, spoken
from ui.pages.adapters.work import newest
from ui.pages.evaluate import comparing, earlier, failures, form, pairs, running, showing
from ui.pages.evaluate.failures import Filter
from ui.pages.evaluate.form import Form
from ui.pages.evaluate.layout import Layout
from ui.pages.evaluate.route import report_route
from ui.pages.evaluate.text import WORDS, Words
from ui.pages.page import OPEN, drawn_from, look_again, states_of

if TYPE_CHECKING:
    from ui.chat.text import Language
    from ui.jobs.jobs import Job
    from ui.pages.evaluate.running import Growing
    from ui.pages.page import Desk, Name, Shell

STILL: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "queue": False}
STYLE = Path(__file__).with_name("style.css")


class EvaluatePage:
    """One page for all sessions; what a session chose is in its components."""

    name: Name = "evaluate"

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.style = STYLE.read_text(encoding="utf-8")
        self.routes = [report_route(desk.settings)]
        self._growing: Growing | None = None

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
        shown = [on.seen, on.none, on.runs, on.resume, on.run, on.other, on.table]
        lost = [on.lost, on.cause, on.arm, on.language]
        listed = [on.cases, on.left, on.ask, on.case]
        works = [on.card, on.standings, on.wrong, on.stop, on.timer]
        every = [*shown, *lost, *listed]
        shell.opened(self.name)(self._open, [session, on.runs, on.other], [*every, *works, on.files, on.adapters, on.no_adapters], **STILL)
        on.runs.input(self._choose, [session, on.runs], every, **STILL)
        on.other.input(self._compare, [session, on.runs, on.other], [on.table], **STILL)
        on.timer.tick(self._tick, [session, on.runs, on.seen, on.mine, shell.open], [*every, *works], js=OPEN, **STILL)
        on.start.click(self._start, [session, on.mine, *on.form()], [*works, on.mine], **STILL)
        on.stop.click(self._stop, [session], works, **STILL)
        on.resume.click(self._resume, [session, on.mine, on.runs], [*works, on.mine], **STILL)
        on.upload.upload(self._upload, [session, on.upload, on.files], [on.files, on.uploaded], **STILL)
        filters = [on.runs, on.cause, on.arm, on.language]
        gr.on([each.input for each in (on.cause, on.arm, on.language)], self._filter, [session, *filters], listed, **STILL)
        on.cases.input(self._case, [session, on.runs, on.cases], [on.ask, on.case], **STILL)
        compare: Any = shell.pages["compare"]
        on.ask.click(self._ask, [on.runs, on.cases], [compare.box, shell.tabs], **STILL)

    # What is shown

    async def _open(self, session: Session, run: str | None, other: str | None) -> list[Any]:
        words = WORDS[session.language]
        return await asyncio.to_thread(lambda: [*self._shown(words, run, other), *self._works(words), *self._fresh(words)])

    async def _choose(self, session: Session, run: str | None) -> list[Any]:
        return await asyncio.to_thread(self._shown, WORDS[session.language], run, None)

    async def _compare(self, session: Session, run: str | None, other: str | None) -> str:
        return await asyncio.to_thread(self._table, WORDS[session.language], run, other)

    async def _tick(self, session: Session, run: str | None, seen: str, mine: str, shown: str) -> list[Any]:
        """The jobs; and the list, when it was drawn from something else than what is so by now.

        A run that this session started is opened when it is done.
        """
        if shown != self.name:
            return [gr.skip()] * 20
        words = WORDS[session.language]
        works = await asyncio.to_thread(self._works, words)
        works[2] = gr.skip()  # what was wrong with the form stays until it is sent again
        if seen == drawn_from(words.code, run, states_of(self.desk.jobs.all("eval"))):
            return [*[gr.skip()] * 15, *works]
        ended = next((job for job in self.desk.jobs.all("eval") if job.id == mine and job.state == "done"), None)
        if ended is not None and f"{mine}:done" not in seen:
            folder = await asyncio.to_thread(running.folder_of, ended, self.desk.settings)
            run = folder.name if folder is not None else run
        return [*await asyncio.to_thread(self._shown, words, run, None), *works]

    def _shown(self, words: Words, run: str | None, other: str | None) -> list[Any]:
        """What it hangs on, the list, the run that was chosen, and its lost questions."""
        jobs = states_of(self.desk.jobs.all("eval"))
        found = earlier.rows(self.desk.settings, words.code)
        row = next((each for each in found if each.run == run), None)
        if row is None:
            row = next((each for each in found if each.finished), found[0] if found else None)
        names = earlier.names(found)
        drawn = drawn_from(words.code, row.run if row else None, jobs)
        head = [
            drawn,
            paragraph("" if found else words.no_runs, "empty"),
            gr.Radio(earlier.choices(found, words), value=row.run if row else None),
        ]
        if row is None or not row.finished:
            told = showing.unfinished(row, words) if row else ""
            busy = any(job.state in BUSY for job in self.desk.jobs.all("eval"))
            return [*head, _show(row is not None and not busy), told, gr.Dropdown(visible=False), "", *self._nothing_lost()]
        try:
            view = earlier.view(self._folder(row.run), words.code)
        except UserError as exc:
            why = problem(in_words(exc, words.code), words.code)
            return [*head, _show(False), why, gr.Dropdown(visible=False), "", *self._nothing_lost()]
        others = [each for each in names if each[1] != row.run]
        other = other if other in [value for _, value in others] else ""
        choose = gr.Dropdown([(words.compare_none, ""), *others], value=other, visible=bool(others))
        return [*head, _show(False), showing.chosen(view, words), choose, self._table(words, row.run, other), *self._lost(words, row.run)]

    def _folder(self, run: str | None) -> Path:
        """Raises UserError when it is not there (any more)."""
        folder = earlier.find(self.desk.settings, run)
        if folder is None:
            raise UserError(f"There is no run '{run}' any more.", "Choose another.")
        return folder

    def _table(self, words: Words, run: str | None, other: str | None) -> str:
        if not other:
            return ""
        try:
            return comparing.comparison(earlier.view(self._folder(run), words.code), earlier.open_run(self._folder(other)), words)
        except UserError as exc:
            return problem(in_words(exc, words.code), words.code)

    def _nothing_lost(self) -> list[Any]:
        return [gr.Column(visible=False), *[gr.skip()] * 5, _show(False), ""]

    def _lost(self, words: Words, run: str) -> list[Any]:
        view = earlier.view(self._folder(run), words.code)
        causes, arms, languages = failures.filters(view, words)
        menus = [gr.Dropdown(each, value="") for each in (causes, arms, languages)]
        return [gr.Column(visible=len(causes) > 1), *menus, *self._listed(words, run, Filter())]

    def _listed(self, words: Words, run: str | None, wanted: Filter) -> list[Any]:
        view = earlier.view(self._folder(run), words.code)
        found = failures.lost(view, wanted)
        more = len(found) - failures.MOST
        left = words.more_lost.format(n=more) if more > 0 else "" if found else words.none_lost
        return [gr.Radio(failures.choices(found, view, words), value=None), spoken(words.code, paragraph(left)), _show(False), ""]

    def _works(self, words: Words, wrong: str = "") -> list[Any]:
        """The job, the scores so far, the stop button, and when to look again."""
        mine = self.desk.jobs.all("eval")
        found = newest(mine)
        return [
            job_card(found, words.code) if found else "",
            self._standings(found, words) if found else "",
            problem(wrong, words.code),
            _show(_running(mine) is not None),
            look_again(any(job.state in BUSY for job in mine)),
        ]

    def _standings(self, job: Job, words: Words) -> str:
        """Of the run that is at work; once it is done its verdict says more."""
        if job.state not in ("running", "stopped", "failed"):
            return ""
        folder = running.folder_of(job, self.desk.settings)
        if folder is None:
            return ""
        if self._growing is None or self._growing.folder != folder:
            self._growing = running.Growing.of(folder)
        return running.standings(self._growing.look(), words)

    def _fresh(self, words: Words) -> list[Any]:
        """Files and adapters that may have come since."""
        loaded = self._loaded()
        missing = paragraph(words.no_adapters, "hint") if not loaded else ""
        choices = [(name, name) for name in loaded]
        shown = gr.CheckboxGroup(choices=choices, value=loaded[-1:], visible=bool(loaded))
        return [gr.CheckboxGroup(choices=pairs.offered(self.desk.settings, first=self.desk.settings.qa)), shown, missing]

    def _loaded(self) -> list[str]:
        return list(self.desk.assistant.routes.loaded())

    # Lost questions

    async def _filter(self, session: Session, run: str | None, cause: str, arm: str, language: str) -> list[Any]:
        words, wanted = WORDS[session.language], Filter(cause or "", arm or "", language or "")
        try:
            return await asyncio.to_thread(self._listed, words, run, wanted)
        except UserError as exc:
            return [gr.Radio([], value=None), problem(in_words(exc, words.code), words.code), _show(False), ""]

    async def _case(self, session: Session, run: str | None, case: str | None) -> list[Any]:
        words = WORDS[session.language]
        try:
            shown = await asyncio.to_thread(lambda: failures.detail(earlier.view(self._folder(run), words.code), case, words))
        except UserError as exc:
            return [_show(False), problem(in_words(exc, words.code), words.code)]
        return [_show(bool(shown)), shown]

    async def _ask(self, run: str | None, case: str | None) -> list[Any]:
        """Its question in Compare's box, and there."""

        def question() -> str:
            found = {each.id: each.pair.question for each in earlier.open_run(self._folder(run)).cases}
            return found.get(case or "", "")

        try:
            return [await asyncio.to_thread(question), gr.Tabs(selected="compare")]
        except UserError:  # the run is gone: its question with it
            return [gr.skip(), gr.skip()]

    # What is done

    async def _start(self, session: Session, mine: str, *values: Any) -> list[Any]:
        filled = Form(*values)

        def start(words: Words) -> Job:
            allowed = [path for _, path in pairs.offered(self.desk.settings, first=self.desk.settings.qa)]
            said = form.command(filled, words, allowed=allowed, loaded=self._loaded())
            title = words.job.format(n=words.count(int(filled.limit or 0)) if filled.limit else words.all, arms=", ".join(filled.arms))
            return self.desk.jobs.start("eval", title, said)

        return await self._tried(session, mine, start)

    async def _resume(self, session: Session, mine: str, run: str | None) -> list[Any]:
        def resume(words: Words) -> Job:
            folder = self._folder(run)
            return self.desk.jobs.start("eval", words.job_resume.format(name=folder.name), form.resumed(folder.name, words))

        return await self._tried(session, mine, resume)

    async def _tried(self, session: Session, mine: str, do: Callable[[Words], Job]) -> list[Any]:
        """Start it and show it; what a person can mend is shown as its own words. The list is drawn again by `_tick`."""
        words = WORDS[session.language]

        def tried() -> list[Any]:
            try:
                job = do(words)
            except UserError as exc:
                return [*self._works(words, in_words(exc, words.code)), mine]
            return [*self._works(words), job.id]

        return await asyncio.to_thread(tried)

    async def _stop(self, session: Session) -> list[Any]:
        words = WORDS[session.language]

        def stop() -> list[Any]:
            job = _running(self.desk.jobs.all("eval"))
            if job is not None:
                self.desk.jobs.cancel(job.id)
            return self._works(words)

        return await asyncio.to_thread(stop)

    async def _upload(self, session: Session, file: str | None, chosen: list[str]) -> list[Any]:
        words = WORDS[session.language]
        if not file:
            return [gr.skip(), ""]
        try:
            kept = await asyncio.to_thread(pairs.keep, Path(file), self.desk.settings)
        except UserError as exc:
            return [gr.skip(), problem(in_words(exc, words.code), words.code)]
        value = list(dict.fromkeys([*chosen, str(kept.path.resolve())]))
        said = done(words.uploaded.format(name=kept.path.name, n=words.count(kept.pairs)), words.code)
        return [gr.CheckboxGroup(choices=pairs.offered(self.desk.settings, first=self.desk.settings.qa), value=value), said]


def _running(jobs: Sequence[Job]) -> Job | None:
    """The one that runs, else the one that waits longest; one that was asked to stop already is none."""
    mine = [job for job in jobs if job.state in BUSY and not job.stopping]
    return next((job for job in mine if job.state == "running"), mine[-1] if mine else None)


def _show(visible: bool) -> Any:
    return gr.update(visible=visible)
