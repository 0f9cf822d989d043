"""Laws of fusion."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.retrieve.fuse import fuse, fuse_scores

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


SCORED = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 99).map(lambda n: n / 100), max_size=8).map(
    lambda found: sorted(found.items(), key=lambda item: -item[1])
)


@given(SCORED, SCORED)
def test_fusing_scores_never_invents_or_loses_a_chunk(dense: list[tuple[str, float]], lexical: list[tuple[str, float]]) -> None:
    fused = fuse_scores(dense, lexical, floor=0.5, bound=2.0)
    assert {name for name, _ in fused} == set(dict(dense)) | set(dict(lexical))
    assert [score for _, score in fused] == sorted((score for _, score in fused), reverse=True)
    assert fused == fuse_scores(dense[::-1], lexical[::-1], floor=0.5, bound=2.0)


@given(SCORED)
def test_one_half_alone_keeps_its_order(found: list[tuple[str, float]]) -> None:
    by_score = sorted(found, key=lambda item: (-item[1], item[0]))
    assert [name for name, _ in fuse_scores(found, [], floor=0.5, bound=0.0)] == [name for name, _ in by_score]
    assert [name for name, _ in fuse_scores([], found, floor=0.5, bound=1.0)] == [name for name, _ in by_score]


def test_words_that_say_little_of_the_question_do_not_drown_the_dense_half() -> None:
    dense, lexical = [("right", 0.9), ("wrong", 0.8)], [("wrong", 2.0)]
    assert fuse_scores(dense, lexical, floor=0.7, bound=20.0)[0][0] == "right"
    assert fuse_scores(dense, lexical, floor=0.7, bound=4.0)[0][0] == "wrong"


def test_a_corpus_of_equal_chunks_still_has_finite_scores() -> None:
    assert all(-1e4 < score < 1e4 for _, score in fuse_scores([("a", 1.0), ("b", 1.0)], [("a", 1.0)], floor=1.0, bound=3.0))
