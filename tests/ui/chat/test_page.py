"""What the page of answers draws when it is looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, cast

import gradio as gr
import pytest

from rag.assistant import Assistant
from tests.ui.stage import QUESTION
from ui.chat.open import compare_page
from ui.chat.page import ComparePage
from ui.chat.session import Session
from ui.chat.status import Doing, Status
from ui.jobs.jobs import Jobs
from ui.pages.page import Desk

PAST, NOW = 0, 1


@pytest.fixture
def page(assistant: Assistant) -> Iterator[ComparePage]:
    async def ready() -> Doing | None:
        return None

    jobs = Jobs(assistant.settings)
    made = cast(ComparePage, compare_page(Desk(assistant.settings, assistant, jobs), Status(ready)))
    with gr.Blocks():
        made.build("en")
    yield made
    jobs.close()


async def asked(page: ComparePage, session: Session) -> list[Any]:
    """What a question changes in the end."""
    how = [each.value for each in page.controls.inputs()]
    return [picture async for picture in page._ask(QUESTION, session, *how)][-1]


async def looked(page: ComparePage, session: Session) -> list[Any]:
    return (await page._show(session))[:2]


def test_a_look_draws_no_turns_that_are_there(page: ComparePage) -> None:
    """It is not in line with the pictures of an answer: the welcome of a slow look stood over answers that were being written."""

    async def works() -> None:
        session = Session()
        assert await looked(page, session) == [gr.skip(), gr.skip()]
        await asked(page, session)
        assert await looked(page, session) == [gr.skip(), gr.skip()]

    asyncio.run(works())


def test_a_look_in_another_language_draws_the_turns_once(page: ComparePage) -> None:
    async def works() -> None:
        session = Session(language="ru")
        assert 'lang="ru"' in (await looked(page, session))[NOW]
        assert await looked(page, session) == [gr.skip(), gr.skip()]
        await asked(page, session)
        assert await looked(page, session) == [gr.skip(), gr.skip()]
        session.language = "en"
        drawn = await looked(page, session)
        assert 'lang="en"' in drawn[NOW] and QUESTION in drawn[NOW] and drawn[PAST] == ""

    asyncio.run(works())


def test_a_language_switched_while_an_answer_is_written_is_that_of_all_turns_at_its_end(page: ComparePage) -> None:
    async def works() -> None:
        session = Session()
        await asked(page, session)
        how = [each.value for each in page.controls.inputs()]
        pictures = page._ask(QUESTION, session, *how)
        await anext(pictures)
        session.language = "ru"
        assert await looked(page, session) == [gr.skip(), gr.skip()]
        *_, end = [picture async for picture in pictures]
        assert 'lang="ru"' in end[1] and 'lang="ru"' in end[2]

    asyncio.run(works())
