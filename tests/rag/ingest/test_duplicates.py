"""Copies are indexed once, and what is only similar stays."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from rag.ingest.duplicates import drop_duplicates, shingles
from rag.types import Document

WORDS = [f"word{number}" for number in range(40)]


def documents(texts: list[str], language: str = "en") -> list[Document]:
    return [Document(f"{number:04}.md", text, language=language) for number, text in enumerate(texts)]


def jaccard(one: str, other: str) -> float:
    a, b = (set(each.tolist()) for each in shingles([one, other]))
    return len(a & b) / len(a | b) if a | b else 0.0


@hypothesis_settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.sampled_from([0.5, 0.7, 0.9]))
def test_exactly_the_pairs_above_the_threshold_are_found(seed: int, near: float) -> None:
    chance = random.Random(seed)
    first = chance.choices(WORDS, k=60)
    texts = []
    for _ in range(12):
        words = list(first if chance.random() < 0.7 else chance.choices(WORDS, k=60))
        for _ in range(chance.randrange(8)):
            words[chance.randrange(len(words))] = chance.choice(WORDS)
        texts.append(" ".join(words))
    kept, dropped = drop_duplicates(documents(texts), near)
    texts_of = {document.path: document.text for document in documents(texts)}
    for duplicate in dropped:
        assert duplicate.of in {document.path for document in kept} and duplicate.of < duplicate.path
        assert duplicate.overlap >= near and abs(jaccard(texts_of[duplicate.path], texts_of[duplicate.of]) - duplicate.overlap) < 1e-3
    assert all(jaccard(one.text, other.text) < near for one in kept for other in kept if one is not other)


def test_the_first_path_is_kept_and_the_copy_names_it() -> None:
    text = "one two three four five six seven"
    kept, (copy,) = drop_duplicates(documents([text, "something else", f"  {text}\n"]), 1)
    assert [document.path for document in kept] == ["0000.md", "0001.md"]
    assert (copy.path, copy.of, copy.overlap) == ("0002.md", "0000.md", 1.0)


def test_with_a_threshold_of_one_only_exact_copies_go() -> None:
    assert len(drop_duplicates(documents(["a b c d", "a b c d!"]), 1)[0]) == 2
    assert len(drop_duplicates(documents(["a b c d", "a b c d!"]), 0.9)[0]) == 1


def test_a_translation_is_not_a_copy() -> None:
    table = "| LoRA | 8 | 16 | 0.05 | q_proj | v_proj |\n" * 5
    kept, dropped = drop_duplicates([*documents([table]), Document("ru.md", table + "!", language="ru")], 0.5)
    assert len(kept) == 2 and not dropped


def test_texts_without_words_are_not_near_copies() -> None:
    assert len(drop_duplicates(documents(["--- ***", "!!! ???", "+++"]), 0.9)[0]) == 3


def test_the_result_does_not_depend_on_the_run() -> None:
    texts = [" ".join(random.Random(number % 7).choices(WORDS, k=50)) + f" {number}" for number in range(60)]
    assert drop_duplicates(documents(texts), 0.8) == drop_duplicates(documents(texts), 0.8)


def test_many_documents_from_one_template_take_seconds() -> None:
    chance = np.random.default_rng(0)
    template = " ".join(WORDS)
    texts = [f"{template} {' '.join(map(str, row))}" for row in chance.integers(0, 10_000, (3000, 40))]
    kept, dropped = drop_duplicates(documents(texts), 0.9)
    assert len(kept) == 3000 and not dropped
