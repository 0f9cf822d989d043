"""ROUGE-L against values worked out by hand from its definition, and its laws."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.metrics.rouge import longest_common, rouge_l

WORDS = st.lists(st.sampled_from(["the", "cat", "sat", "on", "a", "mat"]), max_size=8)


@pytest.mark.parametrize(
    ("accepted", "said", "common", "length_said", "length_accepted"),
    [
        ("police killed the gunman", "police kill the gunman", 3, 4, 4),  # Lin 2004, section 3.1
        ("police killed the gunman", "the gunman kill police", 2, 4, 4),
        ("police killed the gunman", "the gunman police killed", 2, 4, 4),
        ("The quick brown fox jumps over the lazy dog", "The quick brown dog jumps on the log.", 5, 8, 9),
        ("LoRA has rank 16", "rank-16 LoRA", 2, 3, 4),  # a hyphen parts words
        ("one two three", "four", 0, 1, 3),
    ],
)
def test_known_values(accepted: str, said: str, common: int, length_said: int, length_accepted: int) -> None:
    precision, recall = common / length_said, common / length_accepted
    expected = 2 * precision * recall / (precision + recall) if common else 0.0
    assert rouge_l(said, [accepted], "en") == pytest.approx(expected, abs=1e-15)


def test_articles_count_in_english_as_the_reference_package_counts_them() -> None:
    assert rouge_l("cat", ["the cat"], "en") == pytest.approx(2 / 3)


def test_russian_is_compared_by_lemma() -> None:
    assert rouge_l("обучение адаптеров", ["обучения адаптера"], "ru") == 1


def test_nothing_said_or_nothing_accepted_is_worth_nothing() -> None:
    assert rouge_l("", ["cat"], "en") == rouge_l("cat", [], "en") == rouge_l("...", ["cat"], "en") == 0


def recursive(one: list[str], other: list[str]) -> int:
    """The definition itself."""
    if not one or not other:
        return 0
    if one[-1] == other[-1]:
        return recursive(one[:-1], other[:-1]) + 1
    return max(recursive(one[:-1], other), recursive(one, other[:-1]))


@given(WORDS, WORDS)
def test_the_longest_common_subsequence_is_that_of_its_definition(one: list[str], other: list[str]) -> None:
    assert longest_common(one, other) == longest_common(other, one) == recursive(one, other)


@given(WORDS, WORDS)
def test_it_is_between_0_and_1_and_1_for_the_same_words(one: list[str], other: list[str]) -> None:
    assert 0 <= rouge_l(" ".join(one), [" ".join(other)], "en") <= 1
    assert rouge_l(" ".join(one), [" ".join(other), " ".join(one)], "en") == (1 if one else 0)
