"""The statistics are right on data whose truth is known: coverage, false findings, power."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from eval.intervals import Bootstrap
from eval.statistics.contrasts import declared
from eval.statistics.power import detectable
from eval.statistics.significance import holm, mcnemar, sign_flip
from tests.eval.statistics import simulated

RUNS = 600
ARMS = ("icl", "rag", "lora", "rag+lora")


def tolerance(share: float, runs: int) -> float:
    """Three standard deviations of a share seen in so many runs."""
    return 3 * float(np.sqrt(share * (1 - share) / runs))


def bounds(table: NDArray[np.float64], clusters: list[int], *, level: float = 0.95) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    found = Bootstrap(clusters, resamples=2000).means(table, level=level)
    return np.array([each.low for each in found]), np.array([each.high for each in found])


def plain(table: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The textbook interval, which takes every question for independent."""
    half = 1.96 * table.std(axis=1, ddof=1) / np.sqrt(table.shape[1])
    return table.mean(axis=1) - half, table.mean(axis=1) + half


@pytest.mark.parametrize("level", [0.95, 0.90])
def test_intervals_hold_a_known_effect_as_often_as_they_say(level: float) -> None:
    table = simulated.differences(RUNS, 0.1, seed=1)
    low, high = bounds(table, simulated.members(), level=level)
    assert simulated.held(low, high, 0.1) == pytest.approx(level, abs=tolerance(level, RUNS))


def test_an_interval_that_ignores_documents_holds_it_far_too_rarely() -> None:
    assert simulated.held(*plain(simulated.differences(RUNS, 0.1, seed=1)), 0.1) < 0.8


def test_shares_of_right_answers_are_covered_too() -> None:
    table = simulated.right_or_wrong(RUNS, 0.5, seed=2)
    assert simulated.held(*bounds(table, simulated.members()), 0.5) == pytest.approx(0.95, abs=tolerance(0.95, RUNS))
    assert simulated.held(*plain(table), 0.5) < 0.8


def test_the_plain_percentile_interval_would_be_too_narrow_with_few_documents() -> None:
    """Why the percentiles are moved outwards."""
    table = simulated.differences(RUNS, 0.0, seed=3)
    bootstrap = Bootstrap(simulated.members(), resamples=2000)
    drawn = bootstrap._drawn(bootstrap.sums(table))
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    assert simulated.held(low, high, 0.0) < 0.95 - tolerance(0.95, RUNS)


@pytest.mark.parametrize("sizes", [(8,) * 6, (2, 3, 5, 8, 13)])
def test_with_a_handful_of_documents_the_intervals_still_hold_it(sizes: tuple[int, ...]) -> None:
    table = simulated.differences(RUNS, 0.1, seed=4, sizes=sizes)
    assert simulated.held(*bounds(table, simulated.members(sizes)), 0.1) >= 0.95 - tolerance(0.95, RUNS)


def corrected(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """`holm` of each column."""
    return np.array([holm(list(column)) for column in p_values.T]).T


def null_families(runs: int, *, seed: int, binary: bool) -> NDArray[np.float64]:
    """(contrasts, runs, questions): all declared contrasts of four arms that are equally good."""
    make = simulated.right_or_wrong if binary else simulated.differences
    table = {arm: make(runs, 0.5, seed=seed + number) for number, arm in enumerate(ARMS)}
    found: NDArray[np.float64] = np.array([sum(weight * table[arm] for arm, weight in each.terms) for each in declared(ARMS)])
    return found


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.slow
def test_without_any_effect_hardly_anything_is_found_in_the_whole_family(binary: bool) -> None:
    families = null_families(RUNS, seed=10, binary=binary)
    bootstrap = Bootstrap(simulated.members())
    p_values = np.array([sign_flip(bootstrap.sums(contrast), flips=4000) for contrast in families])
    false = float(np.mean(corrected(p_values).min(axis=0) < 0.05))
    assert false <= 0.05 + tolerance(0.05, RUNS)


def refusal_family(runs: int, *, seed: int) -> list[NDArray[np.float64]]:
    """p-values (contrasts, runs) of rightly and wrongly refused, all arms alike; half of the questions have no answer, as `measure`
    compares them: the pairs on each of the two metrics, all corrected together."""
    sizes = tuple(-(-size // 2) for size in simulated.SIZES)
    bootstrap, pairs = Bootstrap(simulated.members(sizes)), [each for each in declared(ARMS) if len(each.terms) == 2]
    found = []
    for metric, share in enumerate((0.6, 0.1)):
        table = {arm: simulated.right_or_wrong(runs, share, seed=seed + 10 * metric + n, sizes=sizes) for n, arm in enumerate(ARMS)}
        found += [sign_flip(bootstrap.sums(table[each.arm] - table[each.other]), flips=4000) for each in pairs]
    return found


@pytest.mark.slow
def test_each_of_the_two_families_keeps_its_5_percent_and_both_together_10() -> None:
    """What the report claims: answers and refusals are corrected apart (see `eval.measure.REFUSALS`)."""
    bootstrap = Bootstrap(simulated.members())
    answers = np.array([sign_flip(bootstrap.sums(each), flips=4000) for each in null_families(RUNS, seed=70, binary=False)])
    refusals = np.array(refusal_family(RUNS, seed=80))
    assert len(answers) == 5 and len(refusals) == 8
    false = [corrected(family).min(axis=0) < 0.05 for family in (answers, refusals)]
    assert all(float(np.mean(each)) <= 0.05 + tolerance(0.05, RUNS) for each in false)
    assert float(np.mean(false[0] | false[1])) <= 0.10 + tolerance(0.10, RUNS)


def test_mcnemar_on_several_questions_per_document_finds_what_is_not_there() -> None:
    """Why it does not decide there."""
    table = null_families(200, seed=20, binary=True)[0]
    assert np.mean([mcnemar(list(row)) < 0.05 for row in table]) > 0.1


@pytest.mark.parametrize("family", [1, 5])
@pytest.mark.slow
def test_an_effect_of_the_printed_size_is_found_four_times_in_five(family: int) -> None:
    """`family` - 1 other contrasts have no effect; Holm is applied over all."""
    sizes = (5, 6, 7, 8) * 6
    bootstrap = Bootstrap(simulated.members(sizes))
    pilot = bootstrap.sums(simulated.differences(RUNS, 0.0, seed=30, sizes=sizes))
    effect = float(np.mean([detectable(error, bootstrap.degrees, family=family) for error in bootstrap.errors(pilot)]))
    tables = [simulated.differences(RUNS, effect if number == 0 else 0.0, seed=31 + number, sizes=sizes) for number in range(family)]
    p_values = np.array([sign_flip(bootstrap.sums(table), flips=4000) for table in tables])
    found = float(np.mean(corrected(p_values)[0] < 0.05))
    assert found == pytest.approx(0.8, abs=tolerance(0.8, RUNS) + 0.02)


@pytest.mark.slow
def test_the_contrasts_of_a_run_keep_what_the_report_claims_of_its_two_families() -> None:
    """Through `measure.contrasts`, as a run makes them: answerable questions about 15 documents, and unanswerable ones."""
    from eval.measure import REFUSALS, contrasts
    from eval.types import Scores

    runs, documents = 50, simulated.members()
    clusters = {f"{kind}{case}": document for kind in "au" for case, document in enumerate(documents)}
    tables = {
        (arm, metric): simulated.right_or_wrong(runs, share, seed=100 + 10 * n + m)
        for n, arm in enumerate(ARMS)
        for m, (metric, share) in enumerate((("f1", 0.5), ("over_refusal", 0.1), ("refusal_recall", 0.6)))
    }
    false = {"answers": 0, "refusals": 0, "any": 0}
    for run in range(runs):
        scores = []
        for arm in ARMS:
            f1, over, recall = (tables[arm, metric][run] for metric in ("f1", "over_refusal", "refusal_recall"))
            scores += [Scores(f"a{case}", arm, {"f1": f1[case], "over_refusal": over[case]}) for case in range(len(documents))]
            scores += [Scores(f"u{case}", arm, {"refusal_recall": recall[case]}) for case in range(len(documents))]
        found = contrasts(scores, clusters, "f1", margin=0.03)
        assert [each.metric for each in found] == ["f1"] * 5 + [metric for metric in REFUSALS for _ in range(4)]
        answers, refusals = (any(each.found for each in found if (each.metric == "f1") == main) for main in (True, False))
        false = {
            "answers": false["answers"] + answers,
            "refusals": false["refusals"] + refusals,
            "any": false["any"] + (answers or refusals),
        }
    assert false["answers"] / runs <= 0.05 + tolerance(0.05, runs) and false["refusals"] / runs <= 0.05 + tolerance(0.05, runs)
    assert false["any"] / runs <= 0.10 + tolerance(0.10, runs)


@pytest.mark.slow
def test_compare_itself_keeps_the_family_wise_error_and_the_coverage() -> None:
    from eval.statistics.contrasts import compare
    from eval.types import Scores

    runs, clusters = 60, dict(enumerate(simulated.members()))
    keys = {str(number): document for number, document in clusters.items()}
    table = {arm: simulated.right_or_wrong(runs, 0.5, seed=50 + number) for number, arm in enumerate(ARMS)}
    false, covered = 0, []
    for run in range(runs):
        scores = {arm: [Scores(str(case), arm, {"f1": value}) for case, value in enumerate(table[arm][run])] for arm in ARMS}
        contrasts = compare(scores, keys, "f1")
        false += any(each.found for each in contrasts)
        covered += [each.effect.low <= 0 <= each.effect.high for each in contrasts]
    assert false / runs <= 0.05 + tolerance(0.05, runs)
    assert np.mean(covered) == pytest.approx(0.95, abs=tolerance(0.95, runs))
