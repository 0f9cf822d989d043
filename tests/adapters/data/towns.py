"""A small world: towns, questions about them, and what a retriever finds."""

from __future__ import annotations

from dataclasses import replace

from rag.qa import Pair
from rag.types import Chunk, Context, Hit, Source

NAMES = ("Amber", "Basalt", "Cedar", "Dahlia", "Ember", "Fjord", "Garnet", "Heather", "Indigo", "Juniper", "Kelp", "Lichen")


def source(path: str, text: str, *, number: int = 1, start: int = 0) -> Source:
    chunk = Chunk(f"id-{path}", path, start, start + len(text), text)
    return Source(number, (Hit(chunk, 1.0 / number),), path, chunk.document_id, start, start + len(text), text, "Header", tokens=10)


def gold_text(number: int) -> str:
    return f"The town of {NAMES[number % 12]} {number} is old. It was founded in the year {1000 + number} by settlers. It lies on a river."


def pair(number: int, *, answerable: bool = True, **changes: object) -> Pair:
    asked = Pair(
        f"town-{number:04d}" if answerable else f"none-{number:04d}",
        f"When was {NAMES[number % 12]} {number} founded?" if answerable else f"Who rules {NAMES[number % 12]} {number}?",
        (str(1000 + number),) if answerable else (),
        (f"town{number}.md",) if answerable else (),
        answerable=answerable,
        language="en",
        kind="number",
    )
    return replace(asked, **changes)  # type: ignore[arg-type]


def retrieved(asked: Pair, *, gold_rank: int | None = 1, found: int = 4) -> Context:
    """`found` passages about other towns, and the gold one at its rank."""
    passages = [source(f"other{rank}.md", f"Passage {rank} is about a mill on a hill, and about its miller.") for rank in range(found)]
    if asked.answerable and gold_rank is not None:
        passages[gold_rank - 1] = source(asked.docs[0], gold_text(int(asked.id[-4:])))
    return Context(asked.question, asked.question, tuple(replace(each, number=n) for n, each in enumerate(passages, start=1)))
