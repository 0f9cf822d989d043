"""Where a gold span stands in a document: found in the document's text, so that it survives any other way of splitting."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from rag.types import Document

WORD = re.compile(r"\S+")
KEY_WORDS = 8
"""Words by which a passage is looked for; the rest is compared where these are found."""


def locate(text: str, span: str) -> tuple[int, int] | None:
    """Start and end of `span` in `text`, verbatim if it is there, else with other blanks and line breaks; None when neither."""
    start = text.find(span)
    if start >= 0 and span:
        return start, start + len(span)
    words = span.split()
    found = re.search(r"\s+".join(map(re.escape, words)), text) if words else None
    return found.span() if found else None


def find_passages(passages: Iterable[str], documents: Iterable[Document]) -> Mapping[str, tuple[str, int, int]]:
    """Passage -> (path, start, end) of the first document that holds its words in a row, whatever the blanks between them.

    Reads every document once, so that a whole SQuAD file is found in a whole corpus in time linear in both.
    """
    wanted: dict[tuple[str, ...], list[tuple[str, list[str]]]] = {}
    for passage in dict.fromkeys(passages):
        if words := passage.split():
            wanted.setdefault(tuple(words[:KEY_WORDS]), []).append((passage, words))
    lengths = sorted({len(key) for key in wanted})
    found: dict[str, tuple[str, int, int]] = {}
    for document in documents:
        matches = list(WORD.finditer(document.text))
        words = [match[0] for match in matches]
        for at in range(len(words)):
            for length in lengths:
                for passage, sought in wanted.get(tuple(words[at : at + length]), ()):
                    if passage not in found and words[at : at + len(sought)] == sought:
                        found[passage] = (document.path, matches[at].start(), matches[at + len(sought) - 1].end())
    return found
