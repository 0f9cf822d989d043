"""The guide's page: eight questions, and the plan that follows, at once with every answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from ui.chat.session import Session
from ui.pages.adapters.page import AdaptersPage
from ui.pages.guide import steps
from ui.pages.guide.here import here
from ui.pages.guide.measured import Measured, measured
from ui.pages.guide.text import TEXTS, Text
from ui.pages.guide.tree import Advice, plan, tree

if TYPE_CHECKING:
    from ui.chat.text import Language
    from ui.pages.page import Desk, Name, Shell

STILL: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "queue": False}
QUIET: dict[str, Any] = {"apply_default_css": False, "js_on_load": None}
SLOTS = 10
"""Steps shown at most; a test knows that no answers give more."""


class GuidePage:
    """One page for all sessions; the answers of a session are in its components."""

    name: Name = "guide"

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.style = Path(__file__).with_name("style.css").read_text(encoding="utf-8")

    def title(self, language: Language) -> str:
        return TEXTS[language].title

    def build(self, language: Language) -> None:
        text, answers = TEXTS[language], tree().defaults()
        self.head = gr.HTML(steps.head(text), **QUIET)
        with gr.Column(elem_id="guide-questions"):
            self.questions = [
                gr.Radio(
                    question.choices(language), value=answers[question.key], label=question.said(language)[0],
                    info=question.said(language)[1] or None, elem_id=f"guide-{question.key}",
                )
                for question in tree().questions
            ]  # fmt: skip
        self.found = gr.HTML(**QUIET)
        self.summary = gr.HTML(**QUIET)
        self.slots: list[tuple[gr.HTML, gr.Button]] = []
        for number in range(SLOTS):
            with gr.Column(elem_classes="guide-slot"):
                shown = gr.HTML(**QUIET)
                self.slots.append((shown, gr.Button(visible=False, elem_id=f"guide-do-{number}", elem_classes="guide-do")))
        self.out = gr.HTML(**QUIET)
        self.touched = gr.State(False)

    def worded(self) -> Sequence[gr.components.Component]:
        return [self.head, *self.questions]

    def speak(self, language: Language) -> Sequence[Any]:
        questions = (
            gr.Radio(choices=question.choices(language), label=question.said(language)[0], info=question.said(language)[1] or None)
            for question in tree().questions
        )
        return [steps.head(TEXTS[language]), *questions]

    def wire(self, shell: Shell) -> None:
        planned = [self.summary, self.out, *(part for slot in self.slots for part in slot)]
        asked = [shell.session, self.touched, *self.questions]
        shell.opened(self.name)(self._open, asked, [self.found, *self.questions, *planned], **STILL)
        for question in self.questions:
            question.input(self._answered, asked, [self.touched, *planned], **STILL)
        adapters = shell.pages.get("adapters")
        filled = [adapters.parts.method, adapters.parts.recipes] if isinstance(adapters, AdaptersPage) else []
        for number, (_, button) in enumerate(self.slots):
            button.click(partial(self._do, number, bool(filled)), self.questions, [shell.tabs, *filled], **STILL)

    async def _open(self, session: Session, touched: bool, *chosen: str) -> list[Any]:
        """The plan; until somebody answers, for what this home says about the questions."""
        text = TEXTS[session.language]
        known = await asyncio.to_thread(here, self.desk.settings)
        answers = _answers(chosen) if touched else {**tree().defaults(), **known.answers()}
        shown = [gr.skip() if touched else gr.Radio(value=answers[question.key]) for question in tree().questions]
        return [steps.found(text.found_line(known), text), *shown, *await asyncio.to_thread(self._plan, answers, text)]

    async def _answered(self, session: Session, touched: bool, *chosen: str) -> list[Any]:
        return [True, *await asyncio.to_thread(self._plan, _answers(chosen), TEXTS[session.language])]

    def _plan(self, answers: dict[str, str], text: Text) -> list[Any]:
        """The summary, what is left out, and each slot's step and button. Reads runs: in a thread."""
        found = plan(answers)
        shown = [advice for advice in found if advice.place != "out"]

        @lru_cache
        def measure(pairs: tuple[tuple[str, str], ...]) -> Measured | None:
            return measured(self.desk.settings, pairs, text.code)

        def said(pairs: Sequence[tuple[str, str]]) -> Measured | None:
            return measure(tuple(pairs))

        parts: list[Any] = []
        for number in range(SLOTS):
            if number >= len(shown):
                parts += ["", gr.Button(visible=False)]
                continue
            first = number == 0 or shown[number - 1].place != shown[number].place
            words = _button(shown[number], text)
            parts += [steps.step(shown[number], number + 1, first, text, said), gr.Button(words, visible=bool(words))]
        return [steps.summary(found, text), steps.left_out(found, text, said), *parts]

    def _do(self, number: int, fills: bool, *chosen: str) -> list[Any]:
        """Go where the step is done, with what it needs filled in."""
        shown = [advice for advice in plan(_answers(chosen)) if advice.place != "out"]
        target = shown[number].target if number < len(shown) else None
        if target is None:
            return [gr.skip()] * (3 if fills else 1)
        rest: list[Any] = []
        if fills:
            rest = [target.method or gr.skip(), target.recipe.split("+") if target.recipe else gr.skip()]
        return [gr.Tabs(selected=target.to), *rest]


def _button(advice: Advice, text: Text) -> str:
    if advice.target is None:
        return ""
    return text.fill.format(advice.target.method) if advice.target.method else text.go[advice.target.to]


def _answers(chosen: Sequence[str]) -> dict[str, str]:
    """What came from the browser; an answer that there is not counts as the default."""
    known = {question.key: {option.key for option in question.options} for question in tree().questions}
    answers = dict(zip((question.key for question in tree().questions), chosen, strict=True))
    return {key: answer if answer in known[key] else tree().defaults()[key] for key, answer in answers.items()}
