"""Questions to try, chosen from the QA pairs of the corpus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rag.errors import InputError
from rag.qa import Pair, read_pairs
from ui.chat.text import TEXTS, Language
from ui.plain import one_line

SHOWN = 4
LONGEST = 90
"""Characters of a question that still reads well on a button."""


def examples(paths: Sequence[Path]) -> Mapping[Language, tuple[str, ...]]:
    """Per language of the page: two of its own, one of the other language, one that the documents cannot answer.

    Empty where the pairs are not there: the page works without.
    """
    try:
        pairs = [pair for pair in read_pairs([path for path in paths if path.is_file()]) if _reads_well(pair)]
    except InputError:
        pairs = []
    pairs.sort(key=lambda pair: len(pair.question))
    chosen: dict[Language, tuple[str, ...]] = {}
    for language in TEXTS:
        own = _of_different_pages([pair for pair in pairs if pair.answerable and pair.language == language])
        other = _of_different_pages([pair for pair in pairs if pair.answerable and pair.language != language])
        beyond = [pair.question for pair in pairs if not pair.answerable and pair.language == language]
        picked = [*own[:2], *other[:1], *beyond[:1], *own[2:]]
        chosen[language] = tuple(one_line(question) for question in dict.fromkeys(picked))[:SHOWN]
    return chosen


def _reads_well(pair: Pair) -> bool:
    """Stands on its own and fits a button: no conversation before it, not long, begins like a sentence, names something."""
    words = pair.question.split()
    names = any(any(letter.isupper() for letter in word) for word in words[1:])
    return not pair.history and len(pair.question) <= LONGEST and pair.question[0].isupper() and names


def _of_different_pages(pairs: Sequence[Pair]) -> list[str]:
    """One question of each page."""
    first: dict[tuple[str, ...], str] = {}
    for pair in pairs:
        first.setdefault(pair.docs, pair.question)
    return list(first.values())
