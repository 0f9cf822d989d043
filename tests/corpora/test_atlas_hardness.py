"""The questions cannot be answered by matching words; with -s these tests print the tables of docs/corpus.md."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from statistics import mean

import pytest

from tests.corpora.atlas import LANGUAGES, SPLITS, Pair, pairs
from tests.corpora.hardness import Found, hit_rate, overlap, search

ANSWERABLE = [pair for pair in pairs() if pair.answerable]
WITHIN = [pair for pair in ANSWERABLE if pair.kind != "cross-language"]
HIGHEST_MEAN_OVERLAP = 0.20
HIGHEST_OVERLAP = 0.50
CEILING = {"page hit@1": 0.85, "paragraph hit@1": 0.60, "paragraph hit@3": 0.75}
"""BM25 alone must stay below these shares in every part: a better retriever has room to show itself."""


@pytest.fixture(scope="module")
def found() -> list[Found]:
    return [hit for language in LANGUAGES for hit in search([pair for pair in ANSWERABLE if pair.lang == language], language)]


def measures(hits: Iterable[Found]) -> dict[str, float]:
    hits = list(hits)
    pages, paragraphs = [hit.page for hit in hits], [hit.paragraph for hit in hits]
    return {
        "questions": len(hits),
        "overlap": mean(overlap(hit.pair) for hit in hits),
        **{f"page hit@{k}": hit_rate(pages, k) for k in (1, 3)},
        **{f"paragraph hit@{k}": hit_rate(paragraphs, k) for k in (1, 3, 10)},
    }


def show(found: list[Found], key: Callable[[Pair], str]) -> None:
    """A Markdown table: one row per value of `key`."""
    lines: list[str] = []
    for name in sorted({key(hit.pair) for hit in found}):
        row = measures(hit for hit in found if key(hit.pair) == name)
        if not lines:
            lines += [f"| part | {' | '.join(row)} |", "|---" * (len(row) + 1) + "|"]
        lines.append(f"| {name} | {' | '.join(f'{value:.2f}' if value < 1 else f'{value:.0f}' for value in row.values())} |")
    sys.stdout.write("\n".join(["", *lines, ""]))


def test_a_question_shares_few_words_with_the_sentence_that_answers_it() -> None:
    for split in SPLITS:
        for language in LANGUAGES:
            assert mean(overlap(pair) for pair in WITHIN if (pair.split, pair.lang) == (split, language)) <= HIGHEST_MEAN_OVERLAP
    assert not [(pair.id, round(overlap(pair), 2)) for pair in WITHIN if overlap(pair) > HIGHEST_OVERLAP]


def test_word_search_alone_is_not_near_its_ceiling(found: list[Found]) -> None:
    within = [hit for hit in found if hit.pair.kind != "cross-language"]
    show(found, lambda pair: f"{pair.split} {pair.lang}")
    show([hit for hit in found if hit.pair.split == "test"], lambda pair: f"{pair.lang} {pair.kind}")
    for split in SPLITS:
        for language in LANGUAGES:
            part = measures(hit for hit in within if (hit.pair.split, hit.pair.lang) == (split, language))
            assert not {name: part[name] for name, most in CEILING.items() if part[name] > most}


def test_word_search_finds_what_it_should_find_at_all(found: list[Found]) -> None:
    """A gold paragraph that no paragraph search can reach in a good third of the cases would mean broken gold, not hard questions."""
    within = [hit for hit in found if hit.pair.kind != "cross-language"]
    assert hit_rate([hit.paragraph for hit in within], 20) > 0.7
    assert hit_rate([hit.page for hit in within], 10) > 0.85
