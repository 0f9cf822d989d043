"""Answers that are a marker and no word."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

import pytest

from rag.generate.generator import Usage
from rag.generate.in_words import in_words
from rag.generate.scripted import ScriptedGenerator
from rag.types import Decoding, Message

ASKED = [Message("user", "Which rank?")]


class Marking(ScriptedGenerator):
    """Says `first`, and `second` when it must not open a bracket; piece by piece."""

    def __init__(self, first: Sequence[str], second: Sequence[str] = ("Six", "teen.")) -> None:
        super().__init__()
        self.said = {(): first, ("[",): second}
        self.asked: list[tuple[Decoding, str | None]] = []

    async def stream(
        self, messages: Sequence[Message], decoding: Decoding, *, adapter: str | None = None
    ) -> AsyncGenerator[str | Usage, None]:
        self.asked.append((decoding, adapter))
        pieces = self.said[decoding.forbidden]
        for piece in pieces:
            yield piece
        yield Usage(100, len(pieces), "stop")


def heard(generator: Marking) -> tuple[list[str], Usage]:
    async def collect() -> list[str | Usage]:
        return [piece async for piece in in_words(generator, ASKED, Decoding(), adapter="mine")]

    *pieces, usage = asyncio.run(collect())
    assert isinstance(usage, Usage) and all(isinstance(piece, str) and piece for piece in pieces)
    return [str(piece) for piece in pieces], usage


@pytest.mark.parametrize("marker", [("[1]",), ("[", "1", "]"), (" [1", "], [", "2]", "."), ("[1",), ("[1] [1]\n",)])
def test_a_marker_alone_is_never_shown_and_asked_for_in_words(marker: Sequence[str]) -> None:
    generator = Marking(marker)
    assert heard(generator) == (["Six", "teen."], Usage(200, len(marker) + 2, "stop", forbidden=("[",)))
    assert generator.asked == [(Decoding(), "mine"), (Decoding(forbidden=("[",)), "mine")]


@pytest.mark.parametrize(
    ("pieces", "shown"),
    [
        (("Six", "teen", " [1]"), ["Six", "teen", " [1]"]),
        (("[", "1] ", "Six", "teen."), ["[1] Six", "teen."]),
        (("8",), ["8"]),
        (("[sic]",), ["[sic]"]),
        ((), []),
    ],
)
def test_an_answer_with_a_word_is_shown_as_it_comes(pieces: Sequence[str], shown: list[str]) -> None:
    generator = Marking(pieces)
    assert heard(generator) == (shown, Usage(100, len(pieces), "stop"))
    assert len(generator.asked) == 1


@pytest.mark.parametrize("second", [(), (" ",)])
def test_without_words_a_second_time_the_marker_stays(second: Sequence[str]) -> None:
    shown, usage = heard(Marking(("[1]",), second))
    assert "".join(shown).strip() == "[1]" and usage == Usage(200, 1 + len(second), "stop")
