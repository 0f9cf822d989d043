"""The question-answer pairs of the shipped corpus: counts, verbatim gold spans, splits that share nothing, no twins."""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import combinations
from pathlib import Path

import pytest

from rag.qa import read_pairs
from tests.corpora.atlas import CORPUS, LANGUAGES, SPLITS, Pair, content_words, jaccard, pages, pairs

PAGES, PAIRS = pages(), pairs()
ANSWERABLE = [pair for pair in PAIRS if pair.answerable]
KINDS = {"fact", "number", "comparison", "procedure", "multi-page", "yes/no", "table", "cross-language"}
PROMISED = {("train", "en"): 300, ("dev", "en"): 100, ("test", "en"): 250, ("train", "ru"): 150, ("dev", "ru"): 50, ("test", "ru"): 120}
SAME_QUESTION = 0.5
"""Overlap of stemmed content words from which two questions count as one; the closest different ones reach 0.46."""


def of(split: str, language: str) -> list[Pair]:
    return [pair for pair in PAIRS if (pair.split, pair.lang) == (split, language)]


@pytest.mark.parametrize(("split", "language"), PROMISED)
def test_every_part_is_as_large_and_as_mixed_as_promised(split: str, language: str) -> None:
    part = of(split, language)
    unanswerable = sum(not pair.answerable for pair in part)
    assert len(part) >= PROMISED[split, language]
    assert 0.24 <= unanswerable / len(part) <= 0.30
    kinds = {pair.kind for pair in part if pair.answerable}
    assert KINDS - {"cross-language"} <= kinds <= KINDS
    assert ("cross-language" in kinds) == (split != "dev")
    yes_no = [pair.answers[0] in ("no", "нет") for pair in part if pair.kind == "yes/no" and pair.answerable]
    assert 0.2 <= sum(yes_no) / len(yes_no) <= 0.8


def test_ids_are_unique_and_name_their_page() -> None:
    ids = [pair.id for pair in PAIRS]
    assert len(set(ids)) == len(ids)
    assert not [pair.id for pair in PAIRS if not re.fullmatch(rf"{re.escape(PAGES[pair.page].name)}-{pair.lang}-\d\d", pair.id)]


def test_the_fields_agree_with_each_other_and_with_the_pages() -> None:
    for pair in PAIRS:
        assert pair.kind in KINDS and pair.lang in LANGUAGES, pair.id
        assert pair.question.strip() == pair.question and 10 <= len(pair.question) <= 300, pair.id
        assert bool(re.search("[а-я]", pair.question)) == (pair.lang == "ru"), pair.id
        assert pair.group == PAGES[pair.page].front["group"], pair.id
        if not pair.answerable:
            assert (pair.answers, pair.doc, pair.docs, pair.gold) == ([], None, [], []) and pair.near in PAGES, pair.id
            continue
        assert pair.near is None and pair.doc in pair.docs and pair.gold[0]["doc"] == pair.doc, pair.id
        assert set(pair.docs) <= set(PAGES) and len(set(pair.docs)) == len(pair.docs), pair.id
        assert pair.answers and len(set(pair.answers)) == len(pair.answers), pair.id
        assert all(answer.strip() == answer and 0 < len(answer.split()) <= 20 for answer in pair.answers), pair.id


def test_every_gold_span_is_one_verbatim_line_of_its_page() -> None:
    for pair in ANSWERABLE:
        for gold in pair.gold:
            assert gold["doc"] in pair.docs and gold["span"] in PAGES[gold["doc"]].body, (pair.id, gold)
            assert "\n" not in gold["span"] and 12 <= len(gold["span"]) <= 320, (pair.id, gold)


def test_gold_is_in_the_language_of_the_question_unless_it_is_a_cross_language_question() -> None:
    for pair in ANSWERABLE:
        languages = {gold["doc"][:2] for gold in pair.gold}
        assert languages == ({"en", "ru"} - {pair.lang} if pair.kind == "cross-language" else {pair.lang}), pair.id
        if pair.kind == "cross-language":
            assert PAGES[pair.page].front["only"] in languages, pair.id


def test_a_page_that_exists_twice_counts_twice_as_the_answer() -> None:
    for pair in ANSWERABLE:
        twins = {f"{language}/{doc[3:]}" for doc in pair.docs for language in LANGUAGES} & set(PAGES)
        assert twins == set(pair.docs), pair.id


def test_a_multi_page_question_needs_two_pages_of_its_group() -> None:
    for pair in ANSWERABLE:
        docs = {gold["doc"] for gold in pair.gold}
        assert len(docs) == (2 if pair.kind == "multi-page" else 1), pair.id
        assert len({PAGES[doc].front["group"] for doc in docs}) == 1, pair.id


def test_a_number_that_is_asked_for_is_in_the_gold_span() -> None:
    for pair in ANSWERABLE:
        if pair.kind == "number":
            answers, span = content_words(" ".join(pair.answers)), content_words(pair.spans)
            assert set(answers) & set(span), pair.id


def test_a_group_is_in_one_split_and_no_split_asks_about_the_pages_of_another() -> None:
    groups: dict[str, set[str]] = defaultdict(set)
    for pair in PAIRS:
        groups[pair.group].add(pair.split)
        for gold in pair.gold:
            groups[PAGES[gold["doc"]].front["group"]].add(pair.split)
    assert not {group: splits for group, splits in groups.items() if len(splits) > 1}
    assert set(groups) == {page.front["group"] for page in PAGES.values()}


def test_no_gold_span_of_train_or_dev_stands_on_a_test_page() -> None:
    asked = {pair.page for pair in of("test", "en") + of("test", "ru")}
    spans = [(pair.id, gold["span"]) for pair in ANSWERABLE if pair.split != "test" for gold in pair.gold]
    assert not [(name, page, span) for name, span in spans for page in asked if span in PAGES[page].body]


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_question_is_asked_twice_within_or_across_splits(language: str) -> None:
    words = [(pair.id, frozenset(content_words(pair.question))) for split in SPLITS for pair in of(split, language)]
    assert not [(one, two) for (one, first), (two, second) in combinations(words, 2) if jaccard(first, second) >= SAME_QUESTION]


def test_atlas_itself_reads_the_shipped_pairs_and_the_template(tmp_path: Path) -> None:
    read = read_pairs(sorted((CORPUS / "qa").glob("*.jsonl")))
    assert {pair.id: pair.answerable for pair in read} == {pair.id: pair.answerable for pair in PAIRS}
    template = tmp_path / "template.jsonl"
    guide = (CORPUS.parent / "README.md").read_text(encoding="utf-8")
    template.write_text(guide.split("```json\n")[1].split("```")[0], encoding="utf-8")
    assert [pair.answerable for pair in read_pairs([template])] == [True, False]
