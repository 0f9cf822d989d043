"""The votes so far, as a part of a page: their board, and their export as data."""

from __future__ import annotations

import asyncio
from functools import partial
from html import escape
from typing import Any

import gradio as gr

from rag.errors import UserError
from ui.chat.saving import STILL, Saving, as_file
from ui.chat.session import Session
from ui.chat.text import Language
from ui.messages.translation import in_words
from ui.plain import plain
from ui.votes import export
from ui.votes.board import board
from ui.votes.store import Votes
from ui.votes.table import table
from ui.votes.text import VOTES


class Panel:
    """`refresh` gives the values of `shown`: the board is made again only for a session that has it open."""

    def __init__(self, votes: Votes, saving: Saving) -> None:
        self.votes, self.saving = votes, saving

    def build(self, language: Language) -> None:
        words = VOTES[language]
        with gr.Accordion(words.board, open=False, visible=False, elem_id="board") as self.area:
            self.table = gr.HTML(apply_default_css=False, js_on_load=None)
            with gr.Row(elem_id="board-save"):
                self.pairs = gr.Button(words.pairs)
                self.cases = gr.Button(words.cases)
            self.said = gr.HTML(apply_default_css=False, js_on_load=None, elem_id="board-said")

    @property
    def shown(self) -> list[Any]:
        return [self.area, self.table]

    def wire(self, session: gr.State) -> None:
        self.area.expand(partial(self._toggle, True), [session], self.shown, **STILL)
        self.area.collapse(partial(self._toggle, False), [session], self.shown, **STILL)
        self.saving.on(self.pairs, self._pairs, [session], [self.said])
        self.saving.on(self.cases, self._cases, [session], [self.said])

    async def refresh(self, session: Session) -> list[Any]:
        """Raises UserError when the votes cannot be read."""
        if not await asyncio.to_thread(self.votes.any):
            return [gr.Accordion(visible=False), ""]
        return [gr.Accordion(visible=True), await self._board(session.language) if session.board else gr.skip()]

    def worded(self) -> list[Any]:
        return [self.area, self.pairs, self.cases, self.said]

    def speak(self, language: Language) -> list[Any]:
        words = VOTES[language]
        return [gr.Accordion(label=words.board), gr.Button(words.pairs), gr.Button(words.cases), ""]

    async def _toggle(self, opened: bool, session: Session) -> list[Any]:
        session.board = opened
        return [gr.skip(), await self._board(session.language) if opened else gr.skip()]

    async def _board(self, language: Language) -> str:
        def made() -> str:
            return table(board(self.votes.all()), language)

        try:
            return await asyncio.to_thread(made)
        except UserError as exc:
            return f'<p class="none">{escape(plain(in_words(exc, language)))}</p>'

    async def _pairs(self, session: Session) -> list[str]:
        words = VOTES[session.language]
        return await self._file("atlas-preferences.jsonl", export.preferences, words.nothing_pairs, session.language)

    async def _cases(self, session: Session) -> list[str]:
        words = VOTES[session.language]
        return await self._file("atlas-corrected.jsonl", export.cases, words.nothing_cases, session.language)

    async def _file(self, name: str, write: Any, nothing: str, language: Language) -> list[str]:
        try:
            lines = await asyncio.to_thread(lambda: write(self.votes.all()))
        except UserError as exc:
            return ["", f'<p role="status">{escape(plain(in_words(exc, language)))}</p>']
        return [as_file(name, lines), ""] if lines else ["", f'<p role="status">{nothing}</p>']
