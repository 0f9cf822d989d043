"""What surrounds the pages: name, status line, language switch and tabs, with the events that every page can listen to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from html import escape
from typing import Any

import gradio as gr

from rag.errors import UserError
from ui.chat.session import Session
from ui.chat.status import Ready, Status
from ui.chat.text import TEXTS, Language, Text, preferred
from ui.guard.login import LOGOUT
from ui.messages.translation import in_words
from ui.pages.page import OPEN, Name, Page
from ui.plain import plain

POLL_BUSY, POLL_READY = 1.0, 10.0
"""Seconds between two looks at the status."""
STILL: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
QUIET: dict[str, Any] = {"apply_default_css": False, "js_on_load": None}
"""For HTML that only shows: nothing of Gradio's style, no script."""


class Workbench:
    """The whole page for all sessions. The first of `pages` is the home; `model`: its name in the status line; `language`: auto, en, ru;
    `login`: people logged in, and may log out."""

    def __init__(self, pages: Sequence[Page], ready: Ready, *, model: str, language: str, login: bool = False) -> None:
        self.pages: Mapping[Name, Page] = {page.name: page for page in pages}
        self.ready = ready if isinstance(ready, Status) else Status(ready)
        self.model, self.language, self.login = model, language, login
        self.home: Name = pages[0].name

    @property
    def style(self) -> str:
        """The style sheets of all pages."""
        return "\n".join(page.style for page in self.pages.values() if page.style)

    def build(self) -> gr.Blocks:
        """The Gradio page; nothing is loaded or started. The browser renders a tab when it is opened first."""
        text = TEXTS[preferred("", self.language)]
        self.blocks: gr.Blocks = gr.Blocks(title=text.page_title, analytics_enabled=False, fill_width=True)
        with self.blocks:
            self.session = gr.State(Session(language=text.code, drawn=text.code))
            self.open = gr.Textbox(visible=False)
            self.spoken = {name: gr.State(0) for name in self.pages}
            with gr.Row(elem_id="top"):
                gr.HTML('<h1><span aria-hidden="true"></span>Atlas</h1>', elem_id="name", **QUIET)
                self.status = gr.HTML(_line("waiting", text.status["starting"]), elem_id="status", **QUIET)
                self.leave = gr.HTML(_leave(text), elem_id="leave", visible=self.login, **QUIET)
                choices = [(code.upper(), code) for code in TEXTS]
                self.switch = gr.Radio(choices, value=text.code, label=text.language, elem_id="language", container=False)
            with gr.Tabs(selected=self.home, overflow_behavior="wrap", elem_id="pages") as self.tabs:
                self.tab: dict[Name, gr.Tab] = {}
                for name, page in self.pages.items():
                    with gr.Tab(page.title(text.code), id=name, elem_id=f"page-{name}") as self.tab[name]:
                        page.build(text.code)
            self.timer = gr.Timer(POLL_BUSY)
            self._wire()
            for page in self.pages.values():
                page.wire(self)
        self.blocks.queue(default_concurrency_limit=None, api_open=False)
        return self.blocks

    def opened(self, name: Name) -> Any:
        """The event `listen(fn, inputs, outputs, ...)`: that page is shown, or the language was switched on it."""
        triggers = [self.tab[name].select, self.spoken[name].change]
        return partial(gr.on, triggers, trigger_mode="always_last")  # "once" would drop the second while the first is shown

    def _wire(self) -> None:
        words = [
            self.switch,
            self.leave,
            *self.tab.values(),
            *(part for page in self.pages.values() for part in page.worded()),
            *self.spoken.values(),
        ]
        look = [self.status, self.timer]
        # Both go through the queue: Gradio tells the browser of a changed State only there, and `opened` hangs on that.
        self.switch.input(self._speak, [self.session, self.switch, self.open], words, concurrency_limit=None, js=OPEN, **STILL)
        opened = self.blocks.load(self._open, [self.session, self.open], words, concurrency_limit=None, js=OPEN, **STILL)
        opened.then(self._look, [self.session], look, queue=False, **STILL)
        self.timer.tick(self._look, [self.session], look, queue=False, **STILL)
        self.switch.input(self._look_in, [self.switch], look, queue=False, **STILL)

    def _open(self, session: Session, shown: str, request: gr.Request) -> list[Any]:
        return self._speak(session, preferred(request.headers.get("accept-language", ""), self.language), shown)

    def _speak(self, session: Session, language: Language, shown: str) -> list[Any]:
        """Everything that has words, in that language; then the page that is open is told, as what it shows has words, too."""
        session.language = language
        session.spoken += 1
        said: list[Any] = [gr.Radio(value=language, label=TEXTS[language].language), _leave(TEXTS[language])]
        said += [gr.Tab(label=page.title(language)) for page in self.pages.values()]
        for page in self.pages.values():
            said += page.speak(language)
        return said + [session.spoken if name == (shown or self.home) else gr.skip() for name in self.pages]

    async def _look(self, session: Session) -> list[Any]:
        return await self._look_in(session.language)

    async def _look_in(self, language: Language) -> list[Any]:
        """The status line, and when to look again."""
        text = TEXTS[language]
        try:
            waiting = await self.ready()
        except UserError as exc:
            return [_line("failed", f"{text.not_ready}: {in_words(exc, language)}"), gr.Timer(POLL_BUSY)]
        if waiting:
            return [_line("waiting", text.doing(waiting)), gr.Timer(POLL_BUSY)]
        return [_line("ready", f"{text.ready} · {self.model}"), gr.Timer(POLL_READY)]


def _leave(text: Text) -> str:
    return f'<a href="{LOGOUT.removeprefix("/")}">{escape(text.log_out)}</a>'


def _line(kind: str, words: str) -> str:
    return f'<p class="line {kind}" role="status"><span class="dot" aria-hidden="true"></span>{escape(plain(words))}</p>'
