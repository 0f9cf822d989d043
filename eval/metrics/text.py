"""Metrics of one short answer against accepted ones: exact match, token F1 and containment, normalised as the language asks."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

from rag.index.words import unmarked

ARTICLES = re.compile(r"\b(a|an|the)\b")
ASCII_PUNCTUATION = str.maketrans("", "", string.punctuation)
DASHES = str.maketrans("", "", "‐‑‒–—−«»“”„‘’…")
WORD = re.compile(r"\w+")


def terms(text: str, language: str) -> list[str]:
    """The words that count, in order.

    en: as SQuAD's evaluation does (Rajpurkar et al. 2016): lower case, no punctuation, no articles (typographic dashes and
    quotes count as punctuation, too). ru: each word as its lemma (pymorphy3), so that an inflected answer is a right one.
    Other languages: lower-case words. Stress marks, soft hyphens and zero-width characters count in none of them.
    """
    text = unmarked(text)
    lowered = text.casefold() if language not in ("en", "ru") else text.lower()
    if language == "en":
        return ARTICLES.sub(" ", lowered.translate(ASCII_PUNCTUATION).translate(DASHES)).split()
    found: list[str] = WORD.findall(lowered)
    return [lemma(word) for word in found] if language == "ru" else found


def exact_match(answer: str, accepted: Sequence[str], language: str) -> float:
    """1 when the answer equals an accepted one after normalisation, else 0."""
    said = terms(answer, language)
    return float(any(said == terms(right, language) for right in accepted))


def token_f1(answer: str, accepted: Sequence[str], language: str) -> float:
    """Harmonic mean of token precision and recall against the accepted answer that fits best (Rajpurkar et al. 2016)."""
    said = terms(answer, language)
    return max((_f1(said, terms(right, language)) for right in accepted), default=0.0)


def containment(answer: str, accepted: Sequence[str], language: str) -> float:
    """1 when the normalised words of an accepted answer stand in a row in the answer, else 0."""
    said = terms(answer, language)
    return float(any(within(right, said) for right in (terms(each, language) for each in accepted) if right))


def within(wanted: Sequence[str], words: Sequence[str]) -> bool:
    """Whether `wanted` stands in `words`, in a row."""
    length = len(wanted)
    return any(words[start : start + length] == wanted for start in range(len(words) - length + 1))


def _f1(said: list[str], right: list[str]) -> float:
    if not said or not right:
        return float(said == right)
    shared = sum((Counter(said) & Counter(right)).values())
    return 2.0 * shared / (len(said) + len(right))


@lru_cache(maxsize=100_000)
def lemma(word: str) -> str:
    """The likeliest dictionary form of a Russian word, with е for ё; a word of another script stays as it is."""
    if not any("а" <= letter <= "я" or letter == "ё" for letter in word):
        return word
    return str(_analyser().parse(word)[0].normal_form).replace("ё", "е")


@cache
def _analyser() -> Any:
    import pymorphy3

    return pymorphy3.MorphAnalyzer(lang="ru")
