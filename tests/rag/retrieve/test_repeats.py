"""Repeats among hits."""

from __future__ import annotations

from rag.retrieve.repeats import without_repeats
from rag.types import Chunk, Hit


def hit(text: str, document: str, score: float = 1.0) -> Hit:
    return Hit(Chunk(document, f"{document}.md", 0, len(text), text), score)


LONG = "the quick brown fox jumps over the lazy dog near the old river bank every single morning"


def test_a_copy_in_another_document_is_dropped_for_the_better_hit() -> None:
    better, copy = hit(LONG, "a"), hit(LONG, "b", 0.5)
    kept, repeats = without_repeats([better, copy], 1.0)
    assert kept == [better]
    assert repeats == [(copy, better)]


def test_nearly_the_same_words_are_a_repeat_and_other_words_are_not() -> None:
    first, near, other = hit(LONG, "a"), hit(LONG.replace("old ", ""), "b"), hit("something else entirely", "c")
    kept, _ = without_repeats([first, near, other], 0.9)
    assert kept == [first, other]
    assert without_repeats([first, near], 1.0)[0] == [first, near]


def test_a_short_text_inside_a_long_one_is_no_repeat() -> None:
    assert len(without_repeats([hit(LONG, "a"), hit("the quick brown fox", "b")], 0.9)[0]) == 2


def test_overlapping_slices_of_one_document_are_no_repeats() -> None:
    first, second = hit(LONG, "a"), hit(LONG + " too", "a")
    assert without_repeats([first, second], 0.5)[0] == [first, second]
