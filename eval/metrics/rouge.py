"""ROUGE-L: the longest common subsequence of words between an answer and the accepted one (Lin 2004)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from eval.metrics.text import terms

LATIN = re.compile(r"[a-z0-9]+")


def rouge_l(answer: str, accepted: Sequence[str], language: str) -> float:
    """F-measure (beta 1) of LCS precision and recall against the accepted answer that fits best; 0 when there is none.

    en: words as the `rouge-score` package cuts them without stemming (lower case, runs of a-z and 0-9), and its definition:
    articles count. Other languages: the words of `eval.metrics.text.terms`, in Russian by lemma; `rouge-score` would see no
    word at all in Cyrillic.
    """
    said = words(answer, language)
    return max((_f(said, words(right, language)) for right in accepted), default=0.0)


def words(text: str, language: str) -> list[str]:
    return LATIN.findall(text.lower()) if language == "en" else terms(text, language)


def _f(said: Sequence[str], right: Sequence[str]) -> float:
    if not said or not right:
        return 0.0
    common = longest_common(said, right)
    precision, recall = common / len(said), common / len(right)
    return 2 * precision * recall / (precision + recall) if common else 0.0


def longest_common(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest common subsequence; time len(one) * len(other), memory len(other)."""
    row = [0] * (len(other) + 1)
    for word in one:
        before = 0  # the row above, one column to the left
        for column, candidate in enumerate(other, start=1):
            above = row[column]
            row[column] = before + 1 if word == candidate else max(above, row[column - 1])
            before = above
    return row[-1]
