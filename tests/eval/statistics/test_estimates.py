"""Means of each arm, breakdowns, curves and areas, clusters, and the comparison with an earlier run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from eval.statistics.clusters import FEWEST, clusters_of, documents_in
from eval.statistics.estimates import areas, breakdown, certain, curves, estimates
from eval.statistics.regression import regression
from eval.types import Case, Reply, Retrieval, Run, Scores
from rag.qa import Pair


def case(number: int, *, documents: int = 20, answerable: bool = True) -> Case:
    docs = (f"work{number % documents}__1.md",) if answerable else ()
    answers = ("x",) if answerable else ()
    pair = Pair(
        str(number), "?", answers, docs, answerable=answerable, language="en" if number % 2 else "ru", kind="fact" if number % 3 else ""
    )
    return Case(pair, tags=("long",) if number % 5 == 0 else ())


CASES = tuple(case(number) for number in range(100))


def run(values: list[float], cases: tuple[Case, ...] = CASES, arm: str = "rag") -> Run:
    scores = tuple(Scores(each.id, arm, {"f1": value}) for each, value in zip(cases, values, strict=True))
    return Run("run", {}, cases, (), (), (), scores, {}, (), (), {}, ())


def test_a_metric_is_averaged_over_the_cases_it_applies_to() -> None:
    rows = [Scores("0", "rag", {"f1": 1.0, "total": 2.0}), Scores("1", "rag", {"f1": 0.0}), Scores("2", "rag", {"refusal_recall": 1.0})]
    found = estimates(rows, clusters_of(CASES))["rag"]
    assert {metric: (each.mean, each.n) for metric, each in found.items()} == {
        "f1": (0.5, 2),
        "total": (2.0, 1),
        "refusal_recall": (1.0, 1),
    }


def test_a_share_of_none_at_all_is_not_certain() -> None:
    rows = [Scores(str(number), "rag", {"em": 0.0, "f1": 0.0}) for number in range(12)]
    found = estimates(rows, clusters_of(CASES))["rag"]["em"]
    assert (found.low, found.mean) == (0, 0)
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 12))
    assert certain(1.0, 12) == pytest.approx((0.025 ** (1 / 12), 1))


def test_results_are_broken_down_by_language_kind_and_tag() -> None:
    rows = run([float(number % 2) for number in range(100)]).scores
    found = {(dimension, value): each.mean for dimension, value, _, each in breakdown(CASES, rows, clusters_of(CASES), "f1")}
    assert found[("language", "en")] == 1
    assert found[("language", "ru")] == 0
    assert found[("tag", "long")] == 0.5
    assert set(found) == {("language", "en"), ("language", "ru"), ("kind", "fact"), ("kind", "-"), ("tag", "long")}


def test_a_reply_that_refuses_is_the_least_sure_and_its_own_confidence_goes_before_the_evidence() -> None:
    replies = [Reply("0", "rag", "a"), Reply("1", "rag", "b", confidence=5.0), Reply("2", "rag", "c", refused=True)]
    retrievals = [Retrieval(name, "?", (), (), evidence=evidence) for name, evidence in (("0", 0.4), ("1", 0.1), ("2", 0.9))]
    scores = [Scores("0", "rag", {"f1_all": 0.0}), Scores("1", "rag", {"f1_all": 1.0}), Scores("2", "rag", {"f1_all": 0.0})]
    (curve,) = curves(replies, retrievals, scores).values()
    assert [risk for _, risk in curve] == pytest.approx([0, 0.5, 2 / 3])
    assert [coverage for coverage, _ in curve] == pytest.approx([1 / 3, 2 / 3, 1])
    area = areas(replies, retrievals, scores, clusters_of(CASES))["rag"]
    assert area.mean == pytest.approx((0 + 1 / 2 + 2 / 3) / 3)
    assert 0 <= area.low <= area.mean <= area.high <= 1


def test_questions_of_one_work_are_one_cluster_but_with_few_works_each_stands_alone() -> None:
    assert len(set(clusters_of(CASES).values())) == documents_in(CASES) == 20
    few = [case(number, documents=FEWEST - 1) for number in range(100)]
    assert len(set(clusters_of(few).values())) == 100


def test_the_same_run_again_is_no_regression_and_a_worse_one_is() -> None:
    values = [0.8 if number % 3 else 0.5 for number in range(100)]
    same = regression(run(values), run(values))
    assert not same.worse
    assert same.contrasts[0].equivalent
    worse = regression(run([value - 0.2 - 0.01 * (number % 7) for number, value in enumerate(values)]), run(values))
    assert [each.arm for each in worse.worse] == ["rag"]
    assert worse.contrasts[0].name == "rag - rag (earlier)"


def test_only_the_same_questions_are_compared_and_the_others_are_named() -> None:
    values = [0.5] * 100
    changed = tuple(replace(each, pair=replace(each.pair, answers=("y",))) if each.id == "3" else each for each in CASES)
    found = regression(run(values, changed), run(values[:90], CASES[:90]))
    assert found.changed == ("3",)
    assert found.only_now == tuple(str(number) for number in range(90, 100))
    assert found.contrasts[0].effect.n == 89
    assert regression(run(values), run(values, arm="icl")).arms_apart == ("icl", "rag")
