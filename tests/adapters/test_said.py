"""Readings of the canary prompts: the distance between two is a distance, and both languages are asked as they are served."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import said
from adapters.card import Said
from rag.context.prompt import build_messages

tops = st.dictionaries(st.integers(0, 30), st.floats(-20, 0), min_size=1, max_size=20)
readings = st.lists(st.builds(Said, text=st.text(max_size=5), top=tops), min_size=3, max_size=3)


@given(one=readings)
def test_a_reading_agrees_with_itself(one: list[Said]) -> None:
    assert said.compare(one, one) == said.Agreement(0.0, 0.0, 1.0, 1.0)


@given(one=readings, other=readings)
def test_the_distance_is_symmetric_and_never_negative(one: list[Said], other: list[Said]) -> None:
    here, there = said.compare(one, other), said.compare(other, one)
    assert here.mean == pytest.approx(there.mean) and 0 <= here.mean <= here.largest + 1e-9
    assert 0 <= here.top1 <= 1 and here.text == there.text


@given(one=readings, shift=st.floats(0.1, 5))
def test_the_distance_is_measured_in_nats(one: list[Said], shift: float) -> None:
    moved = [Said(text=each.text, top={token: score - shift for token, score in each.top.items()}) for each in one]
    assert said.compare(one, moved).mean == pytest.approx(shift)


@given(one=readings, other=readings)
def test_without_log_probabilities_texts_are_compared(one: list[Said], other: list[Said]) -> None:
    bare = [Said(text=each.text) for each in other]
    different = sum(a.text.strip() != b.text.strip() for a, b in zip(one, other, strict=True)) / 3
    assert said.compare(one, bare).mean == pytest.approx(different)


def test_the_prompts_are_served_ones_in_both_languages_with_and_without_passages() -> None:
    asked = said.prompts()
    assert {messages[0].content for messages in asked} >= {
        build_messages("Who?", style="short")[0].content,
        build_messages("Кто?", style="short")[0].content,
    }
    assert sum("<document" in messages[-1].content for messages in asked) >= 4
    assert said.prompts_hash() == said.prompts_hash()
