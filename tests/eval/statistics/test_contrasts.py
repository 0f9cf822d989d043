"""Which contrasts are declared, and what a comparison says."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.statistics.contrasts import by_arm, compare, correct, declared
from eval.statistics.power import detectable, unseen
from eval.types import Contrast, Scores

CLUSTERS = {str(number): f"document {number // 4}" for number in range(120)}
ALONE = {case: case for case in CLUSTERS}


def scores(arm: str, values: list[float], metric: str = "f1") -> list[Scores]:
    return [Scores(str(number), arm, {metric: value}) for number, value in enumerate(values)]


def compared(one: list[float], other: list[float], *, metric: str = "f1", clusters: dict[str, str] = CLUSTERS) -> Contrast:
    (contrast,) = compare({"rag": scores("rag", one, metric), "icl": scores("icl", other, metric)}, clusters, metric)
    return contrast


def test_the_four_corners_give_the_five_declared_contrasts() -> None:
    names = [each.name for each in declared(["icl", "rag", "lora", "rag+lora", "oracle", "shuffled", "full-doc"])]
    assert names == ["rag - icl", "lora - icl", "rag+lora - rag", "rag+lora - lora", "interaction"]


@pytest.mark.parametrize(
    ("arms", "names"),
    [
        (["icl", "rag"], ["rag - icl"]),
        (["zero-shot", "rag"], ["rag - zero-shot"]),
        (["rag", "rag#2"], ["rag#2 - rag"]),
        (["icl", "zero-shot"], ["icl - zero-shot"]),
        (["oracle", "shuffled"], []),
        (["rag", "rag+lora:a", "rag+lora:b"], ["rag+lora:a - rag", "rag+lora:b - rag"]),
        (["icl", "rag", "theirs"], ["rag - icl", "theirs - rag"]),
        (["icl", "rag+lora"], ["rag+lora - icl"]),
    ],
)
def test_contrasts_follow_from_the_arms_that_exist(arms: list[str], names: list[str]) -> None:
    assert [each.name for each in declared(arms)] == names
    assert all(sum(weight for _, weight in each.terms) == 0 for each in declared(arms))


def test_an_arm_compared_with_itself_shows_no_difference_and_is_equivalent() -> None:
    values = [float(number % 3 == 0) for number in range(120)]
    same = compared(values, values)
    assert (same.effect.mean, same.effect.low, same.effect.high) == (0, -same.mde, same.mde)
    assert (same.wins, same.ties, same.losses, same.p) == (0, 120, 0, 1)
    assert same.equivalent
    assert not same.found
    assert same.mde == pytest.approx(1 - 0.05 ** (1 / 120))


def test_a_few_equal_replies_do_not_prove_that_two_arms_are_the_same() -> None:
    clusters = {str(number): str(number) for number in range(10)}
    assert not compared([1.0] * 10, [1.0] * 10, clusters=clusters).equivalent
    assert unseen(10) == pytest.approx(0.2589, abs=1e-4)


def test_six_questions_won_outright_do_not_prove_that_every_one_is() -> None:
    clusters = {str(number): str(number) for number in range(6)}
    won, lost = compared([1.0] * 6, [0.0] * 6, clusters=clusters), compared([0.0] * 6, [1.0] * 6, clusters=clusters)
    assert (won.effect.mean, won.effect.high) == (1.0, 1.0) and won.effect.low == pytest.approx(1 - 2 * unseen(6))
    assert (lost.effect.low, lost.effect.high) == (-won.effect.high, -won.effect.low)


def test_a_large_difference_is_found_with_its_size() -> None:
    better = compared([0.9 if number % 5 else 0.4 for number in range(120)], [0.3] * 120)
    assert better.found
    assert not better.equivalent
    assert better.effect.low > 0.4
    assert (better.wins, better.ties, better.losses) == (120, 0, 0)


def test_failures_drop_out_of_a_comparison_and_are_no_zeros() -> None:
    one, other = scores("rag", [1.0] * 120), scores("icl", [1.0] * 120)
    (contrast,) = compare({"rag": one[:100], "icl": other[5:]}, CLUSTERS, "f1")
    assert (contrast.effect.n, contrast.effect.mean) == (95, 0)
    assert compare({"rag": one[:3], "icl": other[5:]}, CLUSTERS, "f1") == ()


def test_the_interaction_is_the_difference_of_the_two_gains() -> None:
    table = {"icl": [0.1] * 120, "rag": [0.5] * 120, "lora": [0.3] * 120, "rag+lora": [0.6] * 120}
    found = {each.name: each.effect.mean for each in compare({arm: scores(arm, row) for arm, row in table.items()}, CLUSTERS, "f1")}
    assert found == pytest.approx({"rag - icl": 0.4, "lora - icl": 0.2, "rag+lora - rag": 0.1, "rag+lora - lora": 0.3, "interaction": -0.1})


@pytest.mark.slow
def test_mcnemar_decides_only_where_every_question_has_its_own_document() -> None:
    one, other = [float(number % 3 > 0) for number in range(120)], [float(number % 2) for number in range(120)]
    alone, together = compared(one, other, metric="em", clusters=ALONE), compared(one, other, metric="em")
    assert (alone.test, together.test) == ("mcnemar", "sign-flip")
    assert alone.p == alone.p_mcnemar == together.p_mcnemar
    assert compared(one, other).p_mcnemar is None


def test_less_is_better_where_the_metric_says_so() -> None:
    contrast = compared([0.0] * 120, [float(number % 2) for number in range(120)], metric="over_refusal")
    assert contrast.effect.mean == -0.5
    assert (contrast.wins, contrast.losses) == (60, 0)


def test_arms_are_not_compared_on_questions_of_their_own_choice() -> None:
    for metric in ("citation_precision", "refusal_precision", "total", "no such metric"):
        with pytest.raises(ValueError, match=metric):
            compare({}, {}, metric)


@pytest.mark.slow
def test_contrasts_read_together_can_be_corrected_together() -> None:
    one, other = [float(number % 3 > 0) for number in range(120)], [float(number % 2) for number in range(120)]
    first, second = compared(one, other), compared(one, other, metric="em")
    assert [each.p_holm for each in correct([first, second])] == pytest.approx([min(1.0, 2 * first.p), min(1.0, 2 * second.p)])
    assert correct([]) == ()


@settings(max_examples=6, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=40))
@pytest.mark.slow
def test_exchanging_the_arms_turns_every_sign(rows: list[tuple[float, float]]) -> None:
    there, back = compared([one for one, _ in rows], [other for _, other in rows]), compared([o for _, o in rows], [one for one, _ in rows])
    assert there.effect.mean == pytest.approx(-back.effect.mean)
    assert (there.effect.low, there.effect.high) == pytest.approx((-back.effect.high, -back.effect.low), abs=1e-9)
    assert (there.wins, there.losses, there.equivalent) == (back.losses, back.wins, back.equivalent)
    assert there.p == pytest.approx(back.p)
    assert there.effect.low <= there.effect.mean <= there.effect.high


def test_more_documents_and_fewer_contrasts_make_smaller_effects_visible() -> None:
    assert detectable(0.1, 100) < detectable(0.1, 10) < detectable(0.1, 10, family=5)
    assert detectable(0.1, 1e6) == pytest.approx(0.1 * (1.95996 + 0.84162), rel=1e-4)
    assert detectable(0.1, 0) == float("inf")


def test_scores_are_sorted_by_arm_in_the_order_in_which_they_come() -> None:
    found = by_arm([Scores("1", "rag", {}), Scores("1", "icl", {}), Scores("2", "rag", {})])
    assert {arm: [each.case for each in rows] for arm, rows in found.items()} == {"rag": ["1", "2"], "icl": ["1"]}
