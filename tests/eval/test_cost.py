"""What a right answer costs: the seconds add up, prices are applied to what they are for, training is spread as said."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import pytest

from eval.attribution import attribute
from eval.cost import Prices, costs, machine_seconds, prices_of
from eval.report.files import as_json
from eval.scoring import score
from eval.types import Case, Reply, Retrieval, Run
from eval.verdict import Verdict
from rag.qa import Pair

CASES = tuple(Case(Pair(str(k), f"{k}?", ("yes",), language="en")) for k in range(10))
FOUND = tuple(Retrieval(case.id, "?", (), (), seconds=0.5) for case in CASES)


def made(**manifest: Any) -> Run:
    """icl: 5 of 10 right, 4 s each; rag and rag+lora: 8 right, 0.5 s of search and 8 s of answer; 4 under way, 50 s in all."""
    replies = []
    for number, case in enumerate(CASES):
        replies.append(Reply(case.id, "icl", "yes" if number < 5 else "no", total=4.0, prompt_tokens=100, answer_tokens=10))
        for arm in ("rag", "rag+lora"):
            identity = {"adapter": "mine"} if arm == "rag+lora" else {}
            said = "yes" if number < 8 else "no"
            replies.append(Reply(case.id, arm, said, total=8.5, prompt_tokens=1000, answer_tokens=20, identity=identity))
    scores = tuple(score(case, None, reply) for case in CASES for reply in replies if reply.case == case.id)
    lost = attribute(CASES, FOUND, replies, scores)
    usual = {"request": {"in_flight": 4}, "seconds": {"answering": 50.0}, "training_seconds": {"mine": 3600.0}}
    return Run("made", usual | manifest, CASES, FOUND, tuple(replies), (), scores, {}, (), lost, {}, ())


def priced(**prices: Any) -> Run:
    return made(prices=asdict(Prices(**prices)))


def test_the_seconds_of_all_arms_are_the_time_that_the_machine_was_busy() -> None:
    found = machine_seconds(made())
    assert sum(found.values()) == pytest.approx(50 + 2 * 10 * 0.5)  # answering, and the searches of two arms
    assert found["rag"] == pytest.approx(80 / 200 * 50 + 5)


def test_no_more_answers_are_under_way_than_were_in_flight() -> None:
    """A sitting that was killed took its clock along: what is known of the time is too little then."""
    assert machine_seconds(made(seconds={"answering": 1.0}))["icl"] == pytest.approx(40 / 4)
    assert machine_seconds(made(seconds={}))["icl"] == pytest.approx(40 / 4)
    assert machine_seconds(made(seconds={}, request={}))["icl"] == 40


def test_without_prices_a_right_answer_costs_seconds_of_this_machine() -> None:
    found = costs(made())
    assert {cost.unit for cost in found.values()} == {"s"}
    assert found["icl"].each == pytest.approx(10 / 5) and found["icl"].whole == found["icl"].each
    assert found["rag"].each == pytest.approx(25 / 8)
    assert found["rag+lora"].each == found["rag"].each and found["rag+lora"].whole == pytest.approx((25 + 3600) / 8)


def test_training_is_spread_over_as_many_questions_as_are_named() -> None:
    found = costs(priced(questions=1000))["rag+lora"]
    assert found.unit == "s" and found.training == pytest.approx(36.0) and found.questions == 1000
    assert found.whole == pytest.approx((25 + 36) / 8)
    assert costs(priced(questions=1_000_000))["rag+lora"].whole == pytest.approx(25 / 8, rel=0.01)


def test_an_hour_has_a_price_for_answers_and_for_training() -> None:
    found = costs(priced(hour=36.0, questions=1000, currency="EUR"))
    assert found["icl"].unit == "EUR" and found["icl"].each == pytest.approx(0.01 * 10 / 5)
    assert found["rag+lora"].whole == pytest.approx(0.01 * (25 + 36) / 8)


def test_where_tokens_have_a_price_the_hour_is_the_trainings_alone() -> None:
    found = costs(priced(hour=36.0, prompt=2.0, answer=10.0, questions=1000))
    assert found["icl"].answers == pytest.approx((1000 * 2 + 100 * 10) / 1e6)
    assert found["rag+lora"].answers == found["rag"].answers == pytest.approx((10_000 * 2 + 200 * 10) / 1e6)
    assert found["rag+lora"].training == pytest.approx(0.36) and found["rag"].training == 0


def test_an_arm_that_never_was_right_has_no_price_of_a_right_answer() -> None:
    run = made()
    lost = tuple(replace(run.lost[0], case=case.id, arm="icl") for case in CASES)
    found = costs(replace(run, lost=lost))["icl"]
    assert found.each is None and found.whole is None and found.right == 0


def test_a_run_of_an_earlier_version_has_no_prices() -> None:
    assert prices_of({}) == Prices() and not prices_of({}).given
    assert prices_of({"prices": {"hour": 2.0, "unknown": 1}}).hour == 2.0


def test_it_is_in_report_json() -> None:
    found = json.loads(as_json(priced(hour=36.0), Verdict("v")))["cost_of_a_right_answer"]
    assert found["rag"]["unit"] == "USD" and found["rag"]["each"] == pytest.approx(0.01 * 25 / 8) and found["icl"]["training"] == 0
