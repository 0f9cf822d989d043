"""Abstention: nothing found is always weak, a calibration keeps to its promise, a damaged one is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rag.context import abstain
from rag.errors import InputError
from rag.types import Chunk, Hit

IDENTITY: dict[str, str | int] = {"model": "test", "dimension": 2}


def hit(dense: float, lexical: float) -> Hit:
    return Hit(Chunk("d", "d.md", 0, 4, "text"), 1.0, dense=dense, lexical=lexical, dense_rank=1, lexical_rank=1)


def rows() -> list[tuple[dict[str, float], str]]:
    strong = [(abstain.features([hit(0.9 + i / 1000, 10 + i)]), "answerable") for i in range(40)]
    near = [(abstain.features([hit(0.9 + i / 1000, 9 + i)]), "near") for i in range(10)]
    off = [(abstain.features([hit(0.7 + i / 1000, 1)]), "offtopic") for i in range(20)]
    return strong + near + off


def test_nothing_found_is_weak_with_and_without_a_calibration() -> None:
    fitted = abstain._fit(rows(), IDENTITY, 0.05)
    assert abstain.evidence([], None).weak
    assert abstain.evidence([], fitted).weak


def test_without_a_calibration_anything_found_is_good_enough() -> None:
    assert not abstain.evidence([hit(0.1, 0.0)], None).weak


def test_a_calibration_refuses_no_more_answerable_questions_than_asked_and_sees_the_off_topic_ones() -> None:
    fitted = abstain._fit(rows(), IDENTITY, 0.05)
    assert fitted.refused_answerable <= 0.05
    assert fitted.refused_offtopic == 1.0
    assert fitted.auc_offtopic == 1.0
    assert fitted.auc_near is not None and fitted.auc_near < 1.0
    assert abstain.evidence([hit(0.7, 1.0)], fitted).weak
    assert not abstain.evidence([hit(0.93, 30.0)], fitted).weak


def test_a_saved_calibration_reads_back_the_same_and_not_for_another_embedder(tmp_path: Path) -> None:
    fitted = abstain._fit(rows(), IDENTITY, 0.05)
    file = tmp_path / "calibration.json"
    abstain.save(fitted, file)
    assert abstain.load(file, IDENTITY) == replace(fitted, weights=dict(fitted.weights), embedder=dict(fitted.embedder))
    assert abstain.load(file, {"model": "other"}) is None
    assert abstain.load(tmp_path / "none.json", IDENTITY) is None


@pytest.mark.parametrize("damage", ["{", "[]", '{"weights": {}}', '{"weights": 3}'])
def test_a_damaged_calibration_is_one_clear_line(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "calibration.json"
    file.write_text(damage)
    with pytest.raises(InputError, match="atlas calibrate"):
        abstain.load(file, IDENTITY)


def test_off_topic_questions_are_there_in_both_languages() -> None:
    questions = abstain.off_topic_questions()
    assert len(questions) == len(set(questions)) == 50
    assert sum("а" <= question[0].lower() <= "я" for question in questions) == 25
