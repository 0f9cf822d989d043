"""Does a text say these words? Compared word by word, so that 16 is not found in 2016; inflected forms by their stems."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from rag.index.lexical import stop_terms
from rag.index.words import INVISIBLE, algorithm, script, stems

WORD = re.compile(r"\w+")
REMEMBERED = 8192


def words(text: str) -> list[str]:
    """Lower-case words, е for ё, no punctuation, no stress marks."""
    return WORD.findall(unicodedata.normalize("NFKC", text).translate(INVISIBLE).casefold().replace("ё", "е"))


def contains(text: str, phrase: str) -> bool:
    """Whether the words of `phrase` stand in `text` side by side. A phrase without words is nowhere."""
    wanted = _line(phrase).strip()
    if script(wanted) == "cjk":  # no spaces between words
        return wanted in _line(text)
    return bool(wanted) and f" {wanted} " in _line(text)


def says(text: str, phrase: str) -> bool:
    """As `contains`, or the same by stems: `в Дании` says `Дания`."""
    stemmed = " ".join(stemmed_words(phrase))
    return contains(text, phrase) or (bool(stemmed) and f" {stemmed} " in f" {' '.join(stemmed_words(text))} ")


def support(text: str, phrase: str) -> float:
    """Share of the phrase's different content words (stemmed) that stand anywhere in `text`, in [0, 1]."""
    found = set(stemmed_words(text))
    everything = set(stemmed_words(phrase))
    wanted = {stem for word, stem in zip(words(phrase), stemmed_words(phrase), strict=True) if word not in _stop_words()} or everything
    return len(wanted & found) / len(wanted) if wanted else 0.0


@lru_cache(maxsize=REMEMBERED)
def stemmed_words(text: str) -> tuple[str, ...]:
    """One stem for each of `words(text)`, by the script of the word."""
    return tuple(stems(word, (algorithm(script(word), ""),))[0] for word in words(text))


@lru_cache(maxsize=REMEMBERED)
def _line(text: str) -> str:
    return f" {' '.join(words(text))} "


@lru_cache(maxsize=1)
def _stop_words() -> frozenset[str]:
    return stop_terms(("en", "ru"))
