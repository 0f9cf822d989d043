"""Sign flips, McNemar and Holm against the libraries that have them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import permutation_test
from statsmodels.stats.multitest import multipletests

from eval.statistics.significance import ENUMERATED, holm, mcnemar, sign_flip

BINARY = st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=1, max_size=ENUMERATED)


@settings(deadline=None)
@given(BINARY)
def test_one_question_per_document_and_a_binary_metric_is_mcnemars_exact_test(differences: list[float]) -> None:
    assert sign_flip(np.array(differences)[:, None])[0] == pytest.approx(mcnemar(differences))


@pytest.mark.parametrize("clusters", [6, 12, 40])
def test_it_agrees_with_scipy(clusters: int) -> None:
    sums = np.random.default_rng(clusters).normal(0.3, 1, clusters)
    expected = permutation_test(
        (sums,), np.sum, permutation_type="samples", n_resamples=10_000, vectorized=True, rng=np.random.default_rng(1)
    ).pvalue
    assert sign_flip(sums[:, None])[0] == pytest.approx(expected, abs=1e-12 if clusters <= ENUMERATED else 0.02)


def test_columns_do_not_disturb_each_other_and_the_seed_fixes_the_result() -> None:
    sums = np.random.default_rng(0).normal(0.2, 1, (30, 3))
    assert list(sign_flip(sums)) == [sign_flip(sums[:, [number]])[0] for number in range(3)]


def test_no_p_value_is_zero() -> None:
    assert sign_flip(np.ones((200, 1)))[0] == pytest.approx(1 / 10_001)
    assert sign_flip(np.zeros((200, 1)))[0] == mcnemar([0.0, 0.0]) == 1


def test_holm_as_in_his_paper() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


def test_holm_agrees_with_statsmodels() -> None:
    for drawn in np.random.default_rng(0).beta(0.3, 3, (5, 8)):
        assert holm(list(drawn)) == pytest.approx(list(multipletests(drawn, method="holm")[1]))
