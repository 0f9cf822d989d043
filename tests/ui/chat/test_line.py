"""The line before the model."""

from __future__ import annotations

import asyncio

import pytest

from ui.chat.line import Line, Place


async def stay(line: Line, need: int, log: list[str], name: str, *, seconds: float = 0.02) -> None:
    async with line.seated(need, lambda _: None):
        log.append(name)
        await asyncio.sleep(seconds)


def test_questions_go_in_in_the_order_in_which_they_came() -> None:
    async def all_at_once() -> list[str]:
        line, log = Line(4), []  # type: tuple[Line, list[str]]
        await asyncio.gather(*(stay(line, need, log, name) for name, need in (("a", 3), ("b", 3), ("c", 1), ("d", 4), ("e", 1))))
        return log

    assert asyncio.run(all_at_once()) == ["a", "b", "c", "d", "e"]  # "c" would fit beside "a", but "b" was there before


def test_a_question_that_needs_more_than_there_is_goes_in_alone() -> None:
    async def run() -> list[str]:
        line, log = Line(1), []  # type: tuple[Line, list[str]]
        await asyncio.wait_for(asyncio.gather(stay(line, 3, log, "a"), stay(line, 3, log, "b")), 5)
        return log

    assert asyncio.run(run()) == ["a", "b"]


def test_who_leaves_frees_the_seats_whether_inside_or_waiting() -> None:
    async def run() -> list[Place | None]:
        line, told = Line(1), []  # type: tuple[Line, list[Place | None]]
        log: list[str] = []
        inside = asyncio.create_task(stay(line, 1, log, "inside", seconds=60))
        await asyncio.sleep(0)
        waiting = asyncio.create_task(stay(line, 1, log, "waiting"))
        await asyncio.sleep(0)

        async def last() -> None:
            async with line.seated(1, told.append):
                pass

        third = asyncio.create_task(last())
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.sleep(0.3)
        inside.cancel()
        await asyncio.wait_for(third, 5)
        with pytest.raises(asyncio.CancelledError):
            await inside
        return told

    assert asyncio.run(run()) == [Place(1, 1), Place(1, 0), None]
