"""An answer that is a marker and no word ("[1]", as small models sometimes say) is asked for once more, without brackets."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from rag.context.citations import bare
from rag.generate.generator import Generator, Usage
from rag.types import Decoding, Message

BRACKET = ("[",)


async def in_words(
    generator: Generator, messages: Sequence[Message], decoding: Decoding, *, adapter: str | None = None
) -> AsyncGenerator[str | Usage, None]:
    """As `Generator.stream`. Markers at the beginning are held back until a word comes; the Usage counts both askings.

    Where a server knows its tokens alone nothing can be forbidden, and the second answer is what the first was.
    """
    held, first = "", Usage(0, 0, "stop")
    async with aclosing(generator.stream(messages, decoding, adapter=adapter)) as stream:
        async for piece in stream:
            if isinstance(piece, Usage):
                first = piece
            elif not bare(held):
                yield piece
            else:
                held += piece
                if not bare(held):
                    yield held
    if not (bare(held) and held.strip()):
        yield first
        return
    said = ""
    async with aclosing(generator.stream(messages, replace(decoding, forbidden=BRACKET), adapter=adapter)) as stream:
        async for piece in stream:
            if isinstance(piece, Usage):
                if not said.strip():
                    yield held
                prompt, answer = first.prompt_tokens + piece.prompt_tokens, first.answer_tokens + piece.answer_tokens
                yield replace(piece, prompt_tokens=prompt, answer_tokens=answer, forbidden=BRACKET if said.strip() else ())
            else:
                said += piece
                yield piece
