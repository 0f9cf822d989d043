"""What surrounds the pages."""

from __future__ import annotations

import asyncio
from typing import Any, get_args

import gradio as gr
import pytest

from rag.errors import ServerError
from ui.chat.session import Session
from ui.chat.status import Doing
from ui.chat.text import EN, RU, Language
from ui.pages.page import Name
from ui.shell import POLL_BUSY, POLL_READY, Workbench


class Plain:
    """The smallest page there can be."""

    def __init__(self, name: Name) -> None:
        self.name, self.style = name, f"#page-{name} {{ color: red; }}"
        self.fired: Any = None

    def title(self, language: Language) -> str:
        return f"{self.name} {language}"

    def build(self, language: Language) -> None:
        self.box = gr.Textbox(label=self.title(language))

    def wire(self, shell: Any) -> None:
        self.fired = shell.opened(self.name)(lambda: "", None, [self.box], queue=False, api_visibility="private")

    def worded(self) -> list[Any]:
        return [self.box]

    def speak(self, language: Language) -> list[Any]:
        return [gr.Textbox(label=self.title(language))]


async def at_once() -> Doing | None:
    return None


def bench(*names: Name, ready: Any = at_once) -> Workbench:
    made = Workbench([Plain(name) for name in names], ready, model="tiny <b>", language="auto")
    made.build()
    return made


def test_every_page_is_a_tab_that_is_known_by_its_name() -> None:
    names: tuple[Name, ...] = get_args(Name)
    made = bench(*names)
    assert [tab.id for tab in made.tabs.children] == list(names)
    assert [tab.elem_id for tab in made.tab.values()] == [f"page-{name}" for name in names]
    assert not any(tab.render_children for tab in made.tab.values())  # only what is open is rendered
    assert made.tabs.selected == "compare" and all(f"#page-{name}" in made.style for name in names)


def test_a_switch_of_the_language_words_every_page_and_tells_the_open_one() -> None:
    made, session = bench("compare", "corpus", "guide"), Session()
    said = made._speak(session, "ru", "corpus")
    assert session.language == "ru"
    switch, leave, *tabs = said[:5]
    assert RU.log_out in leave
    assert switch.label == RU.language and [tab.label for tab in tabs] == ["compare ru", "corpus ru", "guide ru"]
    assert [box.label for box in said[5:8]] == ["compare ru", "corpus ru", "guide ru"]
    before = said[8:]
    assert before[1] == session.spoken and before[0] == before[2] == gr.skip()
    assert made._speak(session, "ru", "corpus")[9] != before[1]  # again and again
    assert made._speak(session, "ru", "")[8] == session.spoken  # the browser could not say: the home


def test_a_page_that_is_opened_hears_of_it() -> None:
    made = bench("compare", "corpus")
    triggers = {tuple(target) for fn in made.blocks.fns.values() for target in fn.targets}
    for name, tab in made.tab.items():
        assert (tab._id, "select") in triggers and (made.spoken[name]._id, "change") in triggers


def test_no_event_of_the_shell_is_an_api() -> None:
    assert all(fn.api_visibility == "private" for fn in bench("compare", "guide").blocks.fns.values())


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_status_says_what_is_waited_for_and_escapes_what_it_did_not_write(language: Language) -> None:
    text = RU if language == "ru" else EN

    async def broken() -> Doing | None:
        raise ServerError("It <i>died</i>.")

    async def busy() -> Doing | None:
        return Doing("index", 3, 9)

    line, timer = asyncio.run(bench("compare")._look_in(language))
    assert text.ready in line and "tiny &lt;b&gt;" in line and timer.value == POLL_READY
    line, timer = asyncio.run(bench("compare", ready=busy)._look_in(language))
    assert "3 / 9" in line and timer.value == POLL_BUSY
    line, _ = asyncio.run(bench("compare", ready=broken)._look_in(language))
    assert text.not_ready in line and "&lt;i&gt;" in line
