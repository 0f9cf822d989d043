"""Whether a text says an answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.data.matching import contains, says, support, words


@pytest.mark.parametrize(
    ("text", "phrase", "found"),
    [
        ("It was in 2016.", "16", False),
        ("It costs 16 %, no more.", "16%", True),
        ("The *Denmark, Iceland* and Norway", "denmark iceland", True),
        ("Ёлка зелёная", "елка", True),
        ("anything", "...", False),
        ("答案是东京。", "东京", True),
    ],
)
def test_words_are_found_whole_whatever_their_case_and_marks(text: str, phrase: str, found: bool) -> None:
    assert contains(text, phrase) is found


def test_an_inflected_form_is_said_but_not_contained() -> None:
    assert says("Он родился в Дании.", "Дания") and not contains("Он родился в Дании.", "Дания")


@given(st.lists(st.sampled_from(["river", "mill", "the", "of", "1066", "старый"]), min_size=1), st.integers(0, 5), st.integers(1, 5))
def test_every_run_of_words_is_said_and_supported(text: list[str], start: int, length: int) -> None:
    whole, part = " ".join(text), " ".join(text[start : start + length])
    if words(part):
        assert contains(whole, part) and says(whole, part)
        assert support(whole, part) == 1.0
