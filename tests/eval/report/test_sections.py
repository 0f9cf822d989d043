"""Laws of the sections: what they show is what the run holds."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.report.blocks import Cell, Figure, Section, Table, Terms
from eval.report.causes import causes
from eval.report.compared import contrasts
from eval.report.lost import best, lost_cases, missing
from eval.report.overview import arms, axes, retrieval
from eval.report.refusals import area, binned, refusals, risk
from eval.report.repeat import flat
from eval.report.speed import latency
from eval.report.view import View, place
from eval.statistics.estimates import AURC
from eval.types import Case, Estimate, Lost, Passage, Retrieval, Run
from tests.eval.report.made import SKILL, made_run

CURVE = st.lists(st.floats(0, 1), min_size=1, max_size=30).map(lambda risks: [((k + 1) / len(risks), risk) for k, risk in enumerate(risks)])


@pytest.fixture(scope="module")
def view() -> View:
    return View(made_run(), "en")


def tables(section: Section) -> list[Table]:
    found = [block.table if isinstance(block, Figure) else block for block in section.blocks]
    return [block for block in found if isinstance(block, Table)]


def rows(table: Table) -> dict[str, tuple[Cell, ...]]:
    return {row[0].text: row[1:] for row in table.rows}


def test_the_four_corners_hold_their_arms(view: View) -> None:
    found = rows(tables(axes(view))[0])
    assert [cell.note.split(" · ")[0] for cell in found["Base weights"]] == ["icl", "rag"]
    assert [cell.note.split(" · ")[0] for cell in found["With the adapter"]] == ["lora", "rag+lora"]
    estimate = view.run.estimates["rag"]["f1"]
    written = view.numbers.estimate("f1", estimate)
    assert found["Base weights"][1].text.replace("\u00a0", " ") == written


def test_every_adapter_has_a_row_and_repeats_have_none() -> None:
    names = {"rag": "rag", "lora:a": "lora", "rag+lora:b": "rag+lora", "rag#2": "rag"}
    run = replace(made_run(), manifest={})
    shown = View(replace(run, replies=(), failures=(), estimates={new: run.estimates[old] for new, old in names.items()}), "en")
    found = rows(tables(axes(shown))[0])
    assert list(found) == ["Base weights", "With the adapter a", "With the adapter b"]
    assert found["Base weights"][0].note == "not in this run" and "#2" not in found["Base weights"][1].note


@pytest.mark.parametrize("arm", ["oracle", "shuffled", "full-doc", "rag#2", "my system", "oracle:a"])
def test_only_the_two_axes_have_places(arm: str) -> None:
    assert place(arm) is None


def test_failures_are_counted_apart_and_averaged_nowhere(view: View) -> None:
    found = rows(tables(arms(view))[0])
    for column, arm in enumerate(view.arms, start=1):
        failed = sum(each.arm == arm for each in view.run.failures)
        assert found["failures to answer"][column].text == str(failed)
        assert found["questions asked"][column].text == str(len(view.run.cases))
    assert any(view.failed.values())


def test_a_metric_that_does_not_apply_is_a_dash_and_no_zero(view: View) -> None:
    run = view.run
    without = {arm: {name: each for name, each in found.items() if arm != "icl" or name != "em"} for arm, found in run.estimates.items()}
    shown = rows(tables(arms(View(replace(run, estimates=without), "en")))[0])["Exact match"]
    assert shown[1 + list(view.arms).index("icl")].text == "–"


def test_every_contrast_is_drawn_and_written(view: View) -> None:
    section = contrasts(view)
    figures = [block for block in section.blocks if isinstance(block, Figure)]
    found = rows(tables(section)[0])
    for each in view.run.contrasts:
        assert each.name in figures[0].svg
        assert found[each.name][2].text == f"{each.wins} / {each.ties} / {each.losses}"
        assert found[each.name][4].note == ("found" if each.found else "not found")


def test_a_metric_that_is_good_when_low_reads_the_other_way(view: View) -> None:
    low = tuple(replace(each, metric="over_refusal") for each in view.run.contrasts)
    section = contrasts(View(replace(view.run, contrasts=(*view.run.contrasts, *low)), "en"))
    captions = [block.caption for block in section.blocks if isinstance(block, Figure)]
    assert [caption.split(" of zero")[0] for caption in captions] == ["Right", "Left"]


def test_arms_with_the_same_retrieval_share_a_row(view: View) -> None:
    same = {arm: {"hit@3": Estimate(0.5, 0.4, 0.6, 10, 5)} for arm in ("rag", "rag+lora")}
    found = tables(retrieval(View(replace(view.run, estimates={**view.run.estimates, **same}), "en")))[0]
    assert [row[0].text for row in found.rows] == ["rag, rag+lora"]


@given(CURVE)
def test_the_area_lies_between_the_least_and_the_greatest_risk(curve: list[tuple[float, float]]) -> None:
    risks = [risk for _, risk in curve]
    assert min(risks) - 1e-9 <= area(curve) <= max(risks) + 1e-9


def test_the_area_of_the_run_comes_before_our_own(view: View) -> None:
    estimates = {**view.run.estimates, "rag": {**view.run.estimates["rag"], AURC: Estimate(0.123, 0.1, 0.2, 60, 15)}}
    found = rows(tables(risk(View(replace(view.run, estimates=estimates), "en")))[0])
    assert (found["rag"][0].text, found["rag"][0].note) == ("12.3", "[10.0, 20.0]")
    assert found["icl"][0].note == ""


def test_refusals_are_counted_on_each_sort_of_question(view: View) -> None:
    found = rows(tables(refusals(view))[0])
    answerable = {case.id: case.pair.answerable for case in view.run.cases}
    for arm in view.arms:
        mine = [each for each in view.run.replies if each.arm == arm]
        for cell, kind in zip(found[arm][:2], (True, False), strict=True):
            of = [each.refused for each in mine if answerable[each.case] is kind]
            assert cell.note == f"{sum(of)} / {len(of)}"


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.5, 0.9]) | st.floats(0, 1), st.booleans()), min_size=1, max_size=80))
def test_bins_hold_every_question_once_and_never_part_equal_scores(judged: list[tuple[float, bool]]) -> None:
    bins = binned([(Retrieval(str(k), "", (), (), (), score), right) for k, (score, right) in enumerate(judged)])
    assert sum(each.n for each in bins) == len(judged) and len(bins) <= 10
    assert round(sum(each.share * each.n for each in bins)) == sum(right for _, right in judged)
    assert all(each.low <= each.share + 1e-9 and each.share <= each.high + 1e-9 for each in bins)
    scores = [each.score for each in bins]
    assert all(after - before > -1e-9 for before, after in pairwise(scores))


def test_an_uncalibrated_score_is_not_drawn(view: View) -> None:
    same = tuple(replace(each, evidence=1.0, threshold=0.0) for each in view.run.retrievals)
    section = refusals(View(replace(view.run, retrievals=same), "en"))
    assert not [block for block in section.blocks if isinstance(block, Figure)]


def test_the_cost_of_a_right_answer_holds_the_training_when_there_was_one(view: View) -> None:
    found = rows(tables(latency(view))[0])
    assert found["rag"][5].note == "" and found["rag+lora"][5].note.startswith("with training") and found["rag"][5].text.endswith(" s")
    assert "spread over 60 questions" in tables(latency(view))[0].note


def test_prices_make_money_of_it(view: View) -> None:
    prices = {"currency": "EUR", "prompt": 1.0, "answer": 2.0, "hour": 3.0, "questions": 100_000}
    shown = tables(latency(View(replace(view.run, manifest={**view.run.manifest, "prices": prices}), "en")))[0]
    replies = [each for each in view.run.replies if each.arm == "rag"]
    right = sum((each.case, "rag") not in view.lost for each in replies)
    expected = sum(each.prompt_tokens + 2 * each.answer_tokens for each in replies) / 1e6 / right
    written = rows(shown)["rag"][5].text
    assert written.endswith(" EUR") and float(written.removesuffix(" EUR")) == pytest.approx(expected, rel=0.005)
    assert "price of all tokens" in shown.note and "spread over 100\u202f000 questions" in shown.note


def test_an_arm_that_lost_everything_has_no_price(view: View) -> None:
    lost = tuple(replace(view.run.lost[0], case=each.case, arm=each.arm) for each in view.run.replies)
    found = rows(tables(latency(View(replace(view.run, lost=lost), "en")))[0])
    assert all(row[5].text == "–" for row in found.values())


def test_causes_add_up_to_the_cases_lost(view: View) -> None:
    found = rows(tables(causes(view))[0])
    together = [int(cell.text) for cell in found.pop("All together")]
    assert together == [Counter(each.arm for each in view.run.lost)[arm] for arm in view.arms]
    assert together == [sum(int(row[column].text) for row in found.values()) for column in range(len(view.arms))]


def test_lost_cases_begin_with_those_of_the_best_arm(view: View) -> None:
    shown, total = lost_cases(view)
    assert best(view) == "rag+lora"
    lost_by_best = [any(each.arm == "rag+lora" and each.lost for each in case.said) for case in shown]
    assert lost_by_best == sorted(lost_by_best, reverse=True) and any(lost_by_best)
    assert total == len({each.case for each in view.run.lost if each.arm not in ("oracle", "shuffled")})


def test_a_case_that_only_diagnostics_lost_is_not_lost(view: View) -> None:
    only = tuple(each for each in view.run.lost if each.arm == "shuffled")
    assert lost_cases(View(replace(view.run, lost=only), "en")) == ([], 0)


def test_the_gold_span_is_marked_where_it_stands_whatever_the_blanks(view: View) -> None:
    case, long = view.run.cases[0], "x" * 3000
    path, span = case.pair.gold[0]
    text = f"{long} {span.replace(' ', chr(10))} {long}"
    found = Retrieval(case.id, "", (path,), (Passage(1, path, 0, len(text), text), Passage(2, "other", 0, len(text), text)))
    lost = (Lost(case.id, "rag", "misread"),)
    ((shown,), _) = lost_cases(View(replace(view.run, retrievals=(found,), lost=lost), "en"))
    gold, other = shown.passages
    assert gold.marked.split() == span.split() and gold.gold == "gold passage"
    assert gold.before.startswith("…") and gold.after.endswith("…") and len(gold.before + gold.after) < 1000
    assert (other.marked, other.gold) == ("", "") and other.before.endswith("…")


def test_every_failure_is_listed_with_its_question(view: View) -> None:
    listed = missing(view)
    assert [(each.arm, each.what) for each in listed] == [(each.arm, each.what) for each in view.run.failures]
    assert all(each.question and each.origin for each in listed)


def test_a_manifest_is_flat_with_every_value() -> None:
    assert dict(flat({"a": {"b": {"c": 1}}, "d": [1, "x"], "e": "", "f": {}})) == {"a.b.c": "1", "d": '[1, "x"]', "e": "", "f": "{}"}


def test_arms_stand_in_the_order_of_the_manifest() -> None:
    run: Run = made_run()
    turned = list(SKILL)[::-1]
    assert View(replace(run, manifest={"arms": [*turned, "never ran"]}), "en").arms == tuple(turned)


def test_a_case_without_a_retrieval_is_shown(view: View) -> None:
    bare = replace(view.run, retrievals=(), cases=tuple(Case(case.pair) for case in view.run.cases))
    assert lost_cases(View(bare, "ru"))[1] == lost_cases(view)[1]


def test_curves_of_one_point_are_told_instead_of_drawn(view: View) -> None:
    flat = dict.fromkeys(view.run.curves, ((1.0, 0.5),))
    section = risk(View(replace(view.run, curves=flat), "en"))
    assert not [block for block in section.blocks if isinstance(block, Figure)] and rows(tables(section)[0])["rag"][3].text == "50.0"


def test_metrics_go_by_their_names_and_the_names_in_the_files_are_explained(view: View) -> None:
    section = arms(view)
    assert {"F1", "Exact match", "ROUGE-L", "Answerable refused"} <= set(rows(tables(section)[0]))
    terms = [name for block in section.blocks if isinstance(block, Terms) for name, _ in block.rows]
    assert "Exact match (em)" in terms and "shuffled" in terms and len(terms) == len(set(terms))
    found = [name for block in retrieval(view).blocks if isinstance(block, Terms) for name, _ in block.rows]
    assert found == ["hit@k", "MRR@k", "Answer in the prompt (answer_in_context)"]
