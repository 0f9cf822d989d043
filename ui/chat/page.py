"""The page that compares answers: lays out its parts and lets them consume the stream of a session. The HTML is made in `panes`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from rag.errors import UserError
from ui.chat import export, panes
from ui.chat.controls import Controls
from ui.chat.controls_text import CONTROLS
from ui.chat.judging import LONGEST_CORRECTION, TooLong, judge, record
from ui.chat.opinions import DOES
from ui.chat.saving import Saving, as_file
from ui.chat.session import Backend, Session
from ui.chat.text import TEXTS, Language, Text
from ui.chat.turn import Turn
from ui.messages.translation import in_words
from ui.pages.page import Desk, Name, Shell
from ui.plain import plain
from ui.votes.panel import Panel
from ui.votes.store import Votes
from ui.votes.text import VOTES

if TYPE_CHECKING:
    from gradio.components import Component

LONGEST_QUESTION = 4000
STILL: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
QUIET: dict[str, Any] = {"apply_default_css": False, "js_on_load": None}


class ComparePage:
    """One page for all sessions. `box` and `controls.panes` can be filled in by other pages."""

    name: Name = "compare"
    style = (Path(__file__).with_name("compare.css")).read_text(encoding="utf-8")

    def __init__(self, desk: Desk, backend: Backend, examples: Mapping[Language, Sequence[str]]) -> None:
        self.settings, self.backend, self.examples = desk.settings, backend, examples
        self.votes, self.saving = Votes(desk.settings.home), Saving()
        self.controls, self.panel = Controls(desk.settings, backend.adapters), Panel(self.votes, self.saving)

    def title(self, language: Language) -> str:
        return TEXTS[language].tab

    def build(self, language: Language) -> None:
        text, words = TEXTS[language], CONTROLS[language]
        turns: dict[str, Any] = {"apply_default_css": False, "js_on_load": DOES}
        self.past = gr.HTML(elem_id="past", **turns)
        self.now = gr.HTML(_welcome(text), elem_id="now", **turns)
        with gr.Row(elem_id="examples") as self.row:
            self.tries = [gr.Button(question, visible=bool(question)) for question in self._tries(language)]
        self.panel.build(language)
        with gr.Column(elem_id="composer"):
            self.notice = gr.HTML(elem_id="notice", **QUIET)
            with gr.Row(elem_id="ask"):
                self.box = gr.Textbox(
                    label=text.question, placeholder=text.placeholder, lines=1, max_lines=8, max_length=LONGEST_QUESTION,
                    autofocus=True, container=False, elem_id="question",
                )  # fmt: skip
                self.send = gr.Button(text.send, variant="primary", elem_id="send")
                self.stop = gr.Button(text.stop, variant="stop", visible=False, elem_id="stop")
            with gr.Row(elem_id="more"):
                self.controls.build_blind(language)
                self.keys = gr.HTML(escape(text.keys), elem_id="keys", **QUIET)
                with gr.Row(visible=False, elem_id="tools") as self.tools:
                    self.edit = gr.Button(text.edit, elem_id="edit")
                    self.retry = gr.Button(text.retry, elem_id="retry")
                    self.markdown = gr.Button(words.save_markdown, elem_id="save-markdown")
                    self.json = gr.Button(words.save_json, elem_id="save-json")
                    self.clear = gr.Button(text.clear, elem_id="clear")
            self.controls.build(language)
        self.saving.build()

    def wire(self, shell: Shell) -> None:
        session, how = shell.session, self.controls.inputs()
        answers = [self.box, self.past, self.now, self.row, self.send, self.stop, self.tools, self.notice, self.edit]
        stream: dict[str, Any] = {"concurrency_limit": None, **STILL}
        quick: dict[str, Any] = {"queue": False, **STILL}
        gr.on([self.box.submit, self.send.click], self._ask, [self.box, session, *how], answers, **stream)
        for button in self.tries:
            button.click(self._ask, [button, session, *how], answers, **stream)
        self.retry.click(self._again, [session, *how], answers, **stream)
        self.stop.click(_stop, [session], None, **quick)
        self.clear.click(self._clear, [session], answers, **quick)
        self.edit.click(self._edit, [session], [self.box, self.edit, self.notice], **quick)
        self.controls.panes.input(self.controls.at_most, [self.controls.panes], [self.controls.panes], **quick)
        judged = gr.on([self.past.click, self.now.click], self._judge, [session], [self.past, self.now, self.notice], **quick)
        judged.then(self._board, [session], self.panel.shown, **quick)
        self.panel.wire(session)
        self.saving.on(self.markdown, self._markdown, [session])
        self.saving.on(self.json, self._json, [session])
        shown = [self.past, self.now, self.edit, self.notice, self.controls.panes, *self.panel.shown]
        shell.opened("compare")(self._show, [session], shown, **quick)

    def worded(self) -> Sequence[Component]:
        buttons = [self.send, self.stop, self.edit, self.retry, self.markdown, self.json, self.clear]
        return [self.box, self.keys, self.notice, *buttons, *self.tries, *self.controls.worded(), *self.panel.worded()]

    def speak(self, language: Language) -> Sequence[Any]:
        text, words = TEXTS[language], CONTROLS[language]
        named = (text.send, text.stop, text.edit, text.retry, words.save_markdown, words.save_json, text.clear)
        return [
            gr.Textbox(label=text.question, placeholder=text.placeholder), f'<span lang="{language}">{escape(text.keys)}</span>', "",
            *(gr.Button(each) for each in named), *(gr.Button(each, visible=bool(each)) for each in self._tries(language)),
            *self.controls.speak(language), *self.panel.speak(language),
        ]  # fmt: skip

    def _tries(self, language: Language) -> list[str]:
        shown = list(self.examples.get(language, ()))
        widest = max((len(each) for each in self.examples.values()), default=0)
        return shown + [""] * (widest - len(shown))

    async def _ask(self, question: str, session: Session, keys: list[str], *how: Any) -> AsyncGenerator[list[Any], None]:
        """Answer in all panes; every yield is a picture of them."""
        question = question.strip()[:LONGEST_QUESTION]
        if not question or session.busy:
            yield [gr.skip()] * 9
            return
        if session.editing:
            session.again()
            session.editing = False
        number, first = len(session.turns), True
        session.drawn = session.language
        asked = session.ask(question, self.controls.keys(keys), self.backend, self.controls.how(*how))
        async with aclosing(asked) as pictures:
            async for turn in pictures:
                text = TEXTS[session.language]  # it may be switched while the answer streams
                now = panes.turn(turn, number, text)
                begun = ["", _past(session.turns[:number], text), now, _show(False), _show(False), _show(True), _show(False), "", text.edit]
                yield begun if first else [gr.skip(), gr.skip(), now, *[gr.skip()] * 6]
                first = False
        past, now = self._drawn(session)
        yield [gr.skip(), past, now, gr.skip(), _show(True), _show(False), _show(bool(session.turns)), gr.skip(), gr.skip()]

    async def _again(self, session: Session, keys: list[str], *how: Any) -> AsyncGenerator[list[Any], None]:
        question = "" if session.busy else session.again()
        session.editing = False
        async with aclosing(self._ask(question, session, keys, *how)) as pictures:
            async for picture in pictures:
                yield picture

    def _clear(self, session: Session) -> list[Any]:
        session.stop()
        session.turns.clear()
        session.editing = False
        session.drawn = session.language
        text = TEXTS[session.language]
        return ["", "", _welcome(text), _show(True), _show(True), _show(False), _show(False), "", text.edit]

    def _edit(self, session: Session) -> list[Any]:
        """The last question back into the box, to replace its turn; pressed again, nothing happened."""
        text = TEXTS[session.language]
        session.editing = not session.editing and bool(session.turns) and not session.busy
        if not session.editing:
            return ["", text.edit, ""]
        return [session.turns[-1].question, text.keep, _notice(text.editing)]

    async def _judge(self, session: Session, event: gr.EventData) -> list[Any]:
        """A vote, a thumb or a correction: kept before it is said to be."""
        words, said = VOTES[session.language], event._data
        try:
            turn = judge(session, said if isinstance(said, dict) else {})
            if turn is None:
                return [gr.skip()] * 3
            kept = record(turn, language=session.language, style=self.settings.context.style)
            await asyncio.to_thread(self.votes.keep, kept)
            voted = said.get("do") == "vote"
            notice = _notice(words.kept.format(await asyncio.to_thread(self.votes.count)) if voted else words.kept_opinion)
        except TooLong:
            return [gr.skip(), gr.skip(), _notice(words.too_long.format(LONGEST_CORRECTION))]
        except UserError as exc:
            return [gr.skip(), gr.skip(), _notice(in_words(exc, session.language), "failed")]
        text, last = TEXTS[session.language], session.turns[-1]
        if turn is last:
            return [gr.skip(), panes.turn(last, len(session.turns) - 1, text), notice]
        return [_past(session.turns[:-1], text), gr.skip(), notice]

    async def _board(self, session: Session) -> list[Any]:
        try:
            return await self.panel.refresh(session)
        except UserError:  # it was said where the vote was kept
            return [gr.skip(), gr.skip()]

    async def _show(self, session: Session) -> list[Any]:
        """What has words and is not of the page but of the session, and what changes by itself.

        Answers draw themselves. A picture from here may arrive late, over one of a question that was asked since, so there is one only
        when the language is another.
        """
        board = await self._board(session)  # before the turns are drawn: waiting would make them old
        text = TEXTS[session.language]
        editing = [text.keep, _notice(text.editing)] if session.editing else [text.edit, gr.skip()]
        drawn = [gr.skip(), gr.skip()] if session.busy else self._drawn(session)
        return [*drawn, *editing, self.controls.choices(session.language), *board]

    def _drawn(self, session: Session) -> list[Any]:
        """The turns before, and the last one, unless the page has them in this language."""
        if session.drawn == session.language:
            return [gr.skip(), gr.skip()]
        session.drawn = session.language
        text, turns = TEXTS[session.language], session.turns
        return [_past(turns[:-1], text), panes.turn(turns[-1], len(turns) - 1, text) if turns else _welcome(text)]

    def _markdown(self, session: Session) -> str:
        return as_file(export.file_name(session.turns, "md"), export.as_markdown(session.turns, TEXTS[session.language]))

    def _json(self, session: Session) -> str:
        written = export.as_json(session.turns, language=session.language, style=self.settings.context.style)
        return as_file(export.file_name(session.turns, "json"), written)


def _stop(session: Session) -> None:
    session.stop()


def _show(visible: bool) -> dict[str, Any]:
    return gr.update(visible=visible)


def _past(turns: Sequence[Turn], text: Text) -> str:
    return "".join(panes.turn(turn, number, text) for number, turn in enumerate(turns))


def _welcome(text: Text) -> str:
    return f'<section class="welcome" lang="{text.code}"><h2>{text.welcome}</h2><p>{text.welcome_more}</p><h3>{text.try_one}</h3></section>'


def _notice(words: str, kind: str = "") -> str:
    return f'<p class="{kind}" role="status">{escape(plain(words))}</p>'
