"""The blocks of a text: headings, paragraphs, tables, code fences, rows. They tile the text; nothing but blank space lies between them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from rag.ingest.markdown import SETEXT, lines
from rag.types import Document

Kind = Literal["heading", "text", "table", "code", "row"]
MAX_BLOCK = 20_000  # characters; a longer one (a file without line ends) is cut at a blank, to bound the work on it
TABLE = re.compile(r"[ \t]*\|.*\|[ \t]*$|[ \t]*:?-+:?(?:[ \t]*\|[ \t]*:?-+:?)+[ \t]*$")
BLANK_LINES = re.compile(r"\n\n+")
CONTINUES = re.compile(r"[)\]}]|(?:else|elif|except|finally|catch|case|end|fi|done|esac)\b")


@dataclass(frozen=True, slots=True)
class Block:
    """`text[start:end]`, without blank space around it."""

    start: int
    end: int
    kind: Kind


def blocks(document: Document) -> Iterator[Block]:
    """The blocks of a document in order."""
    starts = {heading.start for heading in document.headings}
    if document.media == "csv":
        found = _rows(document.text)
    elif document.media == "code":
        found = _code(document.text, starts)
    else:
        found = _prose(document.text, starts)
    for block in found:
        yield from _bounded(document.text, block)


def _prose(text: str, starts: set[int]) -> Iterator[Block]:
    """Blank lines separate paragraphs; a heading, a table and a code fence are blocks of their own."""
    begin = 0
    current: tuple[Kind, int] | None = None
    for start, line, fence in lines(text):
        label: tuple[Kind, int] | None
        if fence:
            label = ("code", fence)
        elif not line.strip():
            label = None
        elif start in starts:
            label = ("heading", start)
        elif current and current[0] == "heading" and SETEXT.match(line[:2000]):
            label = current
        else:
            label = ("table" if TABLE.match(line[:2000]) else "text", 0)
        if label != current:
            if current:
                yield from _block(text, begin, start, current[0])
            begin, current = start, label
    if current:
        yield from _block(text, begin, len(text), current[0])


def _rows(text: str) -> Iterator[Block]:
    begin = 0
    for blank in BLANK_LINES.finditer(text):
        yield from _block(text, begin, blank.start(), "row")
        begin = blank.end()
    yield from _block(text, begin, len(text), "row")


def _code(text: str, starts: set[int]) -> Iterator[Block]:
    """A block begins at a definition, and after a blank line at the left margin unless that line closes or continues one."""
    begin, start, blank = 0, 0, False
    for line in text.split("\n"):
        margin = blank and line[:1].strip() and not CONTINUES.match(line)
        if start > begin and (margin or start in starts):
            yield from _block(text, begin, start, "code")
            begin = start
        blank = not line.strip()
        start += len(line) + 1
    yield from _block(text, begin, len(text), "code")


def _block(text: str, start: int, end: int, kind: Kind) -> Iterator[Block]:
    inside = text[start:end]
    trimmed = inside.strip()
    if trimmed:
        start += len(inside) - len(inside.lstrip())
        yield Block(start, start + len(trimmed), kind)


def _bounded(text: str, block: Block) -> Iterator[Block]:
    start = block.start
    while block.end - start > MAX_BLOCK:
        limit = start + MAX_BLOCK
        cut = max(text.rfind("\n", start, limit), text.rfind(". ", start, limit) + 1) or text.rfind(" ", start, limit)
        cut = cut if cut > start + MAX_BLOCK // 4 else limit
        yield from _block(text, start, cut, block.kind)
        start = cut
    yield from _block(text, start, block.end, block.kind)
