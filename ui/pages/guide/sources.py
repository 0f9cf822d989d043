"""The pages of the shipped corpus that a step of the plan goes back to: title, path, and the passage itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from rag.errors import InputError
from ui.chat.text import Language

CORPUS = Path(__file__).parents[3] / "corpora" / "atlas"
HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
FRONT = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
LINK = re.compile(r"\[([^\]]+)\]\([^)\s]+\.md\)")
"""Pages name each other by links; here only the name is of use."""
LONGEST = 1600


@dataclass(frozen=True, slots=True)
class Source:
    """`path` is relative to the corpus; `passage` is Markdown as it stands in the file."""

    path: str
    title: str
    section: str
    passage: str


@lru_cache(maxsize=256)
def source(name: str, language: Language, corpus: Path = CORPUS) -> Source:
    """`name`: page#section, sections counted from 1; 0 is what stands before the first. Raises InputError when it is not there."""
    page, _, number = name.partition("#")
    path = f"{language}/{page}.md"
    try:
        text = (corpus / path).read_text(encoding="utf-8")
    except OSError as exc:
        raise InputError(f"{corpus / path} cannot be read ({exc.strerror}).", "It ships with Atlas: get it again.") from exc
    front = FRONT.match(text)
    body = text[front.end() :] if front else text
    parts = HEADING.split(body)  # before the first heading, then heading, text, heading, text...
    wanted = int(number or 0)
    if not 0 <= wanted <= len(parts) // 2:
        raise InputError(f"{path} has no section {wanted}.", "Mend ui/pages/guide/tree.toml.")
    section, passage = ("", parts[0]) if wanted == 0 else (parts[2 * wanted - 1], parts[2 * wanted])
    return Source(path, _title(front[1] if front else "", page), section.strip(), _short(LINK.sub(r"\1", passage.strip())))


def _title(front: str, page: str) -> str:
    found = re.search(r"^title:\s*(.+)$", front, re.MULTILINE)
    return found[1].strip().strip('"') if found else page


def _short(passage: str) -> str:
    """Whole paragraphs, up to a limit."""
    if len(passage) <= LONGEST:
        return passage
    kept = passage[:LONGEST].rsplit("\n\n", 1)[0]
    return f"{kept}\n\n…" if kept.count("```") % 2 == 0 else f"{kept}\n```\n\n…"
