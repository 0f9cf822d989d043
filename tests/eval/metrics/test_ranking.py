"""Laws of the ranking metrics, and agreement with scikit-learn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from eval.metrics.ranking import distinct, hit_at, ndcg_at, reciprocal_rank_at, scores

NAMES = "abcdefghijkl"
RANKING = st.lists(st.sampled_from(NAMES), unique=True)
RELEVANT = st.sets(st.sampled_from(NAMES), min_size=1)
K = st.integers(1, 12)


@given(RANKING, RELEVANT)
def test_every_metric_is_between_0_and_1(ranked: list[str], relevant: set[str]) -> None:
    assert all(0 <= value <= 1 + 1e-12 for value in scores(ranked, relevant).values())


@given(RELEVANT, K)
def test_a_perfect_ranking_scores_1(relevant: set[str], k: int) -> None:
    ranked = sorted(relevant)
    assert hit_at(ranked, relevant, k) == reciprocal_rank_at(ranked, relevant, k) == 1
    assert ndcg_at(ranked, relevant, k) == pytest.approx(1)


@given(RANKING, RELEVANT, K)
def test_hit_and_reciprocal_rank_never_fall_as_k_grows(ranked: list[str], relevant: set[str], k: int) -> None:
    assert hit_at(ranked, relevant, k) <= hit_at(ranked, relevant, k + 1)
    assert reciprocal_rank_at(ranked, relevant, k) <= reciprocal_rank_at(ranked, relevant, k + 1)


@given(RANKING, RELEVANT)
def test_moving_a_relevant_document_up_never_hurts(ranked: list[str], relevant: set[str]) -> None:
    better = sorted(ranked, key=lambda name: name not in relevant)
    before, after = scores(ranked, relevant), scores(better, relevant)
    assert all(after[name] >= before[name] - 1e-12 for name in before)


@given(st.permutations(NAMES), RELEVANT, K)
def test_ndcg_agrees_with_scikit_learn(ranked: list[str], relevant: set[str], k: int) -> None:
    truth = [[float(name in relevant) for name in ranked]]
    assert ndcg_at(ranked, relevant, k) == pytest.approx(ndcg_score(truth, [[-rank for rank in range(len(ranked))]], k=k))


def test_known_values() -> None:
    assert distinct(["a", "b", "a", "c", "b"]) == ["a", "b", "c"]
    assert reciprocal_rank_at(["x", "y", "a"], {"a"}, 10) == pytest.approx(1 / 3)
    assert reciprocal_rank_at(["x", "y", "a"], {"a"}, 2) == 0
    assert ndcg_at(["x", "a"], {"a"}, 10) == pytest.approx(0.6309, abs=1e-4)
