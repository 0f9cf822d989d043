"""ROUGE-L against Google's `rouge-score` package, to the last digit, on real questions and answers.

On English only: the package keeps nothing but a-z and 0-9, so that Russian has no word at all to it. Why ours differs there is
in `eval.metrics.rouge`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from eval.metrics.rouge import rouge_l

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = sorted((ROOT / "corpora" / "atlas" / "qa").glob("*.en.jsonl"))
SHARED = [
    file for name in ("squad2_half", "clapnq", "anthropic_docs") for file in (ROOT.parent / "shared" / "data" / name).glob("qa.jsonl")
]
MOST = 400
"""Rows of one file: the package takes a millisecond for each."""
SCORER = RougeScorer(["rougeL"], use_stemmer=False)


def reference(said: str, accepted: list[str]) -> float:
    return max(float(SCORER.score(right, said)["rougeL"].fmeasure) for right in accepted)


def answers(file: Path) -> Iterator[tuple[str, list[str]]]:
    """What could have been said, and what is accepted: the first answer, the gold span, the answer to the next question, the question."""
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if row["answers"] and row["lang"] == "en"]
    rows = rows[:: max(1, len(rows) // MOST)]
    for row, other in zip(rows, [*rows[1:], rows[0]], strict=True):
        spans = [each["span"] for each in row.get("gold") or [] if isinstance(each, dict)]
        for said in (row["answers"][0], *spans[:1], other["answers"][0], row["question"]):
            yield said, row["answers"]


@pytest.mark.parametrize("file", [*SHIPPED, *SHARED], ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_real_answers_get_what_the_package_gives_them(file: Path) -> None:
    compared, between = 0, 0
    for said, accepted in answers(file):
        ours, theirs = rouge_l(said, accepted, "en"), reference(said, accepted)
        assert ours == pytest.approx(theirs, abs=1e-12), (said, accepted)
        compared, between = compared + 1, between + (0 < ours < 1)
    assert compared > 100 and between > 30


@settings(deadline=None)
@given(st.text(max_size=60), st.lists(st.text(max_size=60), min_size=1, max_size=3))
def test_so_does_any_text_whatever_its_alphabet(said: str, accepted: list[str]) -> None:
    assert rouge_l(said, accepted, "en") == pytest.approx(reference(said, accepted), abs=1e-12)


def test_the_package_sees_nothing_in_russian_which_is_why_ours_differs() -> None:
    assert reference("обучение адаптера", ["обучение адаптера"]) == 0
    assert rouge_l("обучение адаптера", ["обучение адаптера"], "ru") == 1
