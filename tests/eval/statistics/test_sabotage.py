"""A/A and sabotage, on the shipped questions: the same arm twice shows nothing, wrong passages are found and named."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from eval.attribution import attribute
from eval.scoring import score
from eval.statistics.clusters import FEWEST, clusters_of, documents_in
from eval.statistics.contrasts import Declared, by_arm, compare
from eval.statistics.estimates import estimates
from eval.types import Case, Contrast, Failure, Lost, Passage, Reply, Retrieval, Run, Scores
from eval.verdict import verdict
from rag.qa import read_pairs

SHIPPED = Path(__file__).resolve().parents[3] / "corpora" / "atlas" / "qa"
REFUSAL = "I don't know."


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return [Case(pair) for pair in read_pairs([SHIPPED / "test.en.jsonl"]) if pair.gold or not pair.answerable]


def passages(case: Case) -> tuple[Passage, ...]:
    return tuple(Passage(1, path, 0, len(span), span) for path, span in case.pair.gold)


def rag(cases: list[Case], arm: str = "rag") -> list[Reply]:
    """Reads two passages of three, refuses what it should."""
    found = []
    for number, case in enumerate(cases):
        refused = not case.pair.answerable
        said = REFUSAL if refused else case.pair.answers[0] if number % 3 else "something else entirely"
        found.append(Reply(case.id, arm, said, refused, passages=passages(case)))
    return found


def shuffled(cases: list[Case], arm: str = "shuffled") -> list[Reply]:
    """Answers with the first words of another question's passage."""
    answerable = [case for case in cases if case.pair.answerable]
    found = []
    for number, case in enumerate(answerable):
        given = next(other for other in [*answerable[number + 20 :], *answerable] if not set(other.pair.docs) & set(case.pair.docs))
        said = " ".join(given.pair.gold[0][1].split()[:3])
        found.append(Reply(case.id, arm, said, passages=passages(given)))
    return found


def evaluated(
    cases: list[Case], replies: list[Reply], contrasts: list[Declared] | None = None
) -> tuple[tuple[Contrast, ...], list[Scores]]:
    retrievals = {case.id: Retrieval(case.id, "?", case.pair.docs, passages(case)) for case in cases}
    known = {case.id: case for case in cases}
    scores = [score(known[each.case], retrievals[each.case], each) for each in replies]
    return compare(by_arm(scores), clusters_of(cases), "f1", contrasts=contrasts), scores


def test_the_same_arm_twice_shows_no_difference_and_counts_as_the_same(cases: list[Case]) -> None:
    (contrast,), scores = evaluated(cases, [*rag(cases), *rag(cases, "rag#2")])
    assert not contrast.found
    assert contrast.equivalent
    assert contrast.p == contrast.p_holm == 1
    replies = (*rag(cases), *rag(cases, "rag#2"))
    whole = Run("a", {"metric": "f1"}, tuple(cases), (), replies, (), tuple(scores), {}, (contrast,), (), {}, ())
    assert verdict(whole).headline.startswith("No difference was found")
    assert verdict(whole, language="ru").headline.startswith("Разницы не найдено")


def test_an_arm_whose_noise_alone_differs_shows_no_difference_either(cases: list[Case]) -> None:
    """The same skill, other questions right: neither the interval nor the test takes chance for an effect."""
    other = [replace(each, arm="rag#2") for each in [*rag(cases)[1:], *rag(cases)[:1]]]
    texts = {each.case: known for each, known in zip(rag(cases), other, strict=True)}
    moved = []
    for number, case in enumerate(cases):
        right = case.pair.answers[0] if case.pair.answerable else REFUSAL
        said = right if (number + 1) % 3 or not case.pair.answerable else "something else entirely"
        moved.append(replace(texts[case.id], case=case.id, text=said, refused=not case.pair.answerable, passages=passages(case)))
    (contrast,), _ = evaluated(cases, [*rag(cases), *moved])
    assert contrast.wins > 20
    assert contrast.losses > 20
    assert not contrast.found
    assert contrast.effect.low <= 0 <= contrast.effect.high


def test_shuffled_passages_are_found_and_blamed_on_retrieval(cases: list[Case]) -> None:
    assert documents_in(cases) >= FEWEST
    replies = [*rag(cases), *shuffled(cases), *shuffled(cases, "rag#2")]
    contrasts, scores = evaluated(cases, replies, [Declared.of("rag", "shuffled"), Declared.of("rag#2", "rag")])
    assert all(each.found for each in contrasts)
    assert contrasts[0].effect.mean > 0.4
    assert contrasts[1].effect.mean < -0.4
    retrievals = [Retrieval(case.id, "?", case.pair.docs, passages(case)) for case in cases]
    lost = attribute(cases, retrievals, replies, scores)
    causes = {arm: Counter(each.cause for each in lost if each.arm == arm) for arm in ("rag", "shuffled", "rag#2")}
    for arm in ("shuffled", "rag#2"):
        assert causes[arm].most_common(1)[0][0] == "retrieval miss"
        assert causes[arm]["retrieval miss"] > 0.9 * causes[arm].total()
    assert set(causes["rag"]) == {"context ignored"}


def test_failures_are_never_averaged_as_zero(cases: list[Case]) -> None:
    replies = [*rag(cases), *rag(cases, "icl")[10:]]
    contrasts, scores = evaluated(cases, replies)
    failures = tuple(Failure(case.id, "icl", "timeout") for case in cases[:10])
    answerable = sum(case.pair.answerable for case in cases[10:])
    found = estimates(scores, clusters_of(cases))
    assert (found["icl"]["f1"].n, contrasts[0].effect.n, contrasts[0].effect.mean) == (answerable, answerable, 0)
    whole = Run("a", {}, tuple(cases), (), tuple(replies), failures, tuple(scores), found, contrasts, (), {}, ())
    assert verdict(whole).notes[0].startswith(f"10 of {2 * len(cases)} replies failed (icl: 10)")


def test_what_comes_out_can_be_written_as_json(cases: list[Case]) -> None:
    contrasts, _ = evaluated(cases, [*rag(cases), *rag(cases, "icl")])
    lost = Lost("1", "rag", "misread", ("oracle",))
    assert json.loads(json.dumps([contrasts[0].p, contrasts[0].equivalent, contrasts[0].wins, lost.basis], allow_nan=False))
