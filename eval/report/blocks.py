"""What a report is put together from: sections of tables, figures and paragraphs. Plain data; the template makes HTML of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: its words, a second line under them, and how it is set. `strong` must never be the only sign of anything.

    `marker`: an SVG of ours before the words.
    """

    text: str
    note: str = ""
    kind: Literal["number", "text", "code"] = "number"
    strong: bool = False
    marker: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """`head`: the column headings; the first cell of each row is the row's heading. `note`: words under it."""

    caption: str
    head: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """An inline SVG (made by us, everything in it escaped), how to read it, and maybe a narrow table of what it shows.

    `half`: it takes half of the width, so that two can be compared side by side.
    """

    svg: Markup
    caption: str
    table: Table | None = None
    half: bool = False


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: str


@dataclass(frozen=True, slots=True)
class Terms:
    """Names with their explanations, folded away under `title`."""

    title: str
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Command:
    """A command line to copy."""

    text: str


Block = Table | Figure | Paragraph | Terms | Command


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with what stands under it; `id` is its anchor, `lead` says how to read it."""

    id: str
    title: str
    lead: str = ""
    blocks: tuple[Block, ...] = field(default=())


def label(words: str, *, note: str = "", marker: str = "") -> Cell:
    """A heading of a row, or of a column of words."""
    return Cell(words, note, "text", marker=marker)


def capital(words: str) -> str:
    """With a capital first letter, for a phrase that stands alone."""
    return words[:1].upper() + words[1:]


def head(first: str, *others: str) -> tuple[Cell, ...]:
    """Column headings: words on the left, numbers after it."""
    return (label(first), *(Cell(other) for other in others))
