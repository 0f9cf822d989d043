"""Laws of reciprocal rank fusion."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.retrieve.fuse import fuse

IDS = st.lists(st.sampled_from("abcdefgh"), unique=True)


@given(IDS, IDS)
def test_fusion_never_invents_or_loses_a_chunk(dense: list[str], lexical: list[str]) -> None:
    assert {name for name, _ in fuse({"dense": dense, "lexical": lexical})} == set(dense) | set(lexical)


@given(IDS, IDS)
def test_the_order_of_the_lists_does_not_matter(dense: list[str], lexical: list[str]) -> None:
    one = fuse({"dense": dense, "lexical": lexical})
    assert one == fuse({"lexical": lexical, "dense": dense})
    assert [name for name, _ in one] == [name for name, _ in fuse({"a": lexical, "b": dense})]


@given(IDS)
def test_two_equal_lists_keep_their_order(names: list[str]) -> None:
    assert [name for name, _ in fuse({"dense": names, "lexical": names})] == names


def test_a_score_is_the_sum_of_weighted_reciprocal_ranks() -> None:
    fused = dict(fuse({"dense": ["a", "b"], "lexical": ["b"]}, k=60, weights={"lexical": 0.5}))
    assert fused["a"] == pytest.approx(1 / 61)
    assert fused["b"] == pytest.approx(1 / 62 + 0.5 / 61)


def test_a_half_of_weight_zero_adds_nothing() -> None:
    assert fuse({"dense": ["a"], "lexical": ["b"]}, weights={"lexical": 0.0}) == fuse({"dense": ["a"]})
