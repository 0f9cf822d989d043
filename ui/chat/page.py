"""The chat page: lays out its few parts and lets them consume the stream of a session. Everything else is HTML made in `panes`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from html import escape
from typing import Any

import gradio as gr

from rag.errors import UserError
from ui.chat import panes
from ui.chat.session import Backend, Session, Turn
from ui.chat.status import Status
from ui.chat.text import TEXTS, Language, Text, preferred
from ui.plain import plain

LONGEST_QUESTION = 4000
POLL_BUSY, POLL_READY = 1.0, 10.0
"""Seconds between two looks at the status."""


class Page:
    """One page for all sessions. `arms`: the panes; `model`: its name in the status line; `language`: auto, en or ru."""

    def __init__(
        self, backend: Backend, arms: Sequence[str], *, model: str, language: str, examples: Mapping[Language, Sequence[str]]
    ) -> None:
        self.backend, self.arms = replace(backend, ready=Status(backend.ready)), tuple(arms)
        self.model, self.language, self.examples = model, language, examples

    def build(self) -> gr.Blocks:
        """The Gradio page; nothing is loaded or started."""
        text = TEXTS[preferred("", self.language)]
        quiet: dict[str, Any] = {"apply_default_css": False, "js_on_load": None}
        with gr.Blocks(title=text.page_title, analytics_enabled=False, fill_width=True) as blocks:
            self.session = gr.State(Session())
            with gr.Row(elem_id="top"):
                gr.HTML('<h1><span aria-hidden="true"></span>Atlas</h1>', elem_id="name", **quiet)
                self.status = gr.HTML(_line("waiting", text.status["starting"]), elem_id="status", **quiet)
                choices = [(code.upper(), code) for code in TEXTS]
                self.switch = gr.Radio(choices, value=text.code, label=text.language, elem_id="language", container=False)
            self.past = gr.HTML(elem_id="past", **quiet)
            self.now = gr.HTML(_welcome(text), elem_id="now", **quiet)
            with gr.Row(elem_id="examples") as self.row:
                self.tries = [gr.Button(words, visible=bool(words)) for words in self._tries(text.code)]
            with gr.Column(elem_id="composer"):
                with gr.Row(elem_id="ask"):
                    self.box = gr.Textbox(
                        label=text.question, placeholder=text.placeholder, lines=1, max_lines=8, max_length=LONGEST_QUESTION,
                        autofocus=True, container=False, elem_id="question",
                    )  # fmt: skip
                    self.send = gr.Button(text.send, variant="primary", elem_id="send")
                    self.stop = gr.Button(text.stop, variant="stop", visible=False, elem_id="stop")
                with gr.Row(elem_id="more"):
                    self.keys = gr.HTML(escape(text.keys), elem_id="keys", **quiet)
                    self.retry = gr.Button(text.retry, visible=False, elem_id="retry")
                    self.clear = gr.Button(text.clear, visible=False, elem_id="clear")
            self.timer = gr.Timer(POLL_BUSY)
            self._wire(blocks)
        blocks.queue(default_concurrency_limit=None, api_open=False)
        return blocks  # type: ignore[no-any-return]

    def _wire(self, blocks: gr.Blocks) -> None:
        still: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        answers = [self.box, self.past, self.now, self.row, self.send, self.stop, self.retry, self.clear]
        labels = [self.now, self.past, self.keys, self.box, self.send, self.stop, self.retry, self.clear, self.switch, *self.tries]
        gr.on([self.box.submit, self.send.click], self._ask, [self.box, self.session], answers, concurrency_limit=None, **still)
        for button in self.tries:
            button.click(self._ask, [button, self.session], answers, concurrency_limit=None, **still)
        self.retry.click(self._again, [self.session], answers, concurrency_limit=None, **still)
        self.stop.click(_stop, [self.session], None, queue=False, **still)
        self.clear.click(self._clear, [self.session], answers, queue=False, **still)
        self.switch.input(self._speak, [self.session, self.switch], labels, queue=False, **still)
        opened = blocks.load(self._open, [self.session], labels, queue=False, **still)
        opened.then(self._look, [self.switch], [self.status, self.timer], queue=False, **still)
        gr.on([self.timer.tick, self.switch.input], self._look, [self.switch], [self.status, self.timer], queue=False, **still)

    def _tries(self, language: Language) -> list[str]:
        shown = list(self.examples.get(language, ()))
        widest = max((len(each) for each in self.examples.values()), default=0)
        return shown + [""] * (widest - len(shown))

    async def _ask(self, question: str, session: Session) -> AsyncGenerator[list[Any], None]:
        """Answer in all panes; every yield is a picture of them."""
        question = question.strip()[:LONGEST_QUESTION]
        if not question or session.busy:
            yield [gr.skip()] * 8
            return
        number = len(session.turns)
        first = True
        async with aclosing(session.ask(question, self.arms, self.backend)) as pictures:
            async for turn in pictures:
                text = TEXTS[session.language]  # it may be switched while the answer streams
                now = panes.turn(turn, number, text)
                begun = ["", _past(session.turns[:number], text), now, _show(False), _show(False), _show(True), _show(False), _show(False)]
                yield begun if first else [gr.skip(), gr.skip(), now, *[gr.skip()] * 5]
                first = False
        yield [gr.skip(), gr.skip(), gr.skip(), gr.skip(), _show(True), _show(False), _show(True), _show(True)]

    async def _again(self, session: Session) -> AsyncGenerator[list[Any], None]:
        async with aclosing(self._ask(session.again(), session)) as pictures:
            async for picture in pictures:
                yield picture

    def _clear(self, session: Session) -> list[Any]:
        session.stop()
        session.turns.clear()
        return ["", "", _welcome(TEXTS[session.language]), _show(True), _show(True), _show(False), _show(False), _show(False)]

    def _open(self, session: Session, request: gr.Request) -> list[Any]:
        return self._speak(session, preferred(request.headers.get("accept-language", ""), self.language))

    def _speak(self, session: Session, language: Language) -> list[Any]:
        """Everything that has words, in that language."""
        session.language = language
        text, turns = TEXTS[language], session.turns
        now = panes.turn(turns[-1], len(turns) - 1, text) if turns else _welcome(text)
        keys = f'<span lang="{language}">{escape(text.keys)}</span>'
        return [
            now, _past(turns[:-1], text), keys, gr.Textbox(label=text.question, placeholder=text.placeholder),
            *(gr.Button(words) for words in (text.send, text.stop, text.retry, text.clear)),
            gr.Radio(value=language, label=text.language), *(gr.Button(words, visible=bool(words)) for words in self._tries(language)),
        ]  # fmt: skip

    async def _look(self, language: Language) -> list[Any]:
        """The status line, and when to look again."""
        text = TEXTS[language]
        try:
            waiting = await self.backend.ready()
        except UserError as exc:
            return [_line("failed", f"{text.not_ready}: {exc}"), gr.Timer(POLL_BUSY)]
        if waiting:
            return [_line("waiting", text.doing(waiting)), gr.Timer(POLL_BUSY)]
        return [_line("ready", f"{text.ready} · {self.model}"), gr.Timer(POLL_READY)]


def _stop(session: Session) -> None:
    session.stop()


def _show(visible: bool) -> dict[str, Any]:
    return gr.update(visible=visible)


def _past(turns: Sequence[Turn], text: Text) -> str:
    return "".join(panes.turn(turn, number, text) for number, turn in enumerate(turns))


def _welcome(text: Text) -> str:
    return f'<section class="welcome" lang="{text.code}"><h2>{text.welcome}</h2><p>{text.welcome_more}</p><h3>{text.try_one}</h3></section>'


def _line(kind: str, words: str) -> str:
    return f'<p class="line {kind}" role="status"><span class="dot" aria-hidden="true"></span>{escape(plain(words))}</p>'
