"""What a home says about the questions, and what was measured in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.settings import Settings
from ui.pages.guide.here import Here, here
from ui.pages.guide.text import EN, RU
from ui.pages.guide.tree import tree


def test_an_empty_home_has_no_documents(tmp_path: Path) -> None:
    found = here(Settings.model_validate({"home": tmp_path, "train": {"qa": []}}))
    assert (found.documents, found.pairs) == (0, 0)
    assert found.cores >= 1 and found.memory_gb > 0
    assert found.answers()["documents"] == "none" and found.answers()["examples"] == "none"
    assert EN.nothing_found in EN.found_line(found) and RU.nothing_found in RU.found_line(found)


def test_index_and_pairs_are_counted(indexed: Settings) -> None:
    pairs = indexed.train.model_copy(update={"qa": indexed.qa})
    found = here(indexed.model_copy(update={"train": pairs}))
    assert (found.documents, found.pairs) == (4, 2)
    assert set(found.languages) >= {"en", "ru"}
    assert found.answers()["documents"] == "few"


@pytest.mark.parametrize(
    ("found", "answers"),
    [
        (Here(documents=122, chunks=900, pairs=2500), {"documents": "many", "examples": "hundreds", "machine": "cpu"}),
        (Here(documents=3, chunks=20, pairs=49, gpus_gb=(8.0,)), {"documents": "few", "examples": "none", "machine": "gpu16"}),
        (Here(documents=9, chunks=50_000, pairs=50, gpus_gb=(25.8,)), {"documents": "masses", "examples": "some", "machine": "gpu24"}),
        (Here(pairs=9000, gpus_gb=(25.8, 25.8)), {"documents": "none", "examples": "thousands", "machine": "cluster"}),
        (Here(gpus_gb=(85.9,)), {"documents": "none", "examples": "none", "machine": "cluster"}),
    ],
)
def test_answers_follow_from_what_is_here(found: Here, answers: dict[str, str]) -> None:
    assert found.answers() == answers
    known = {question.key: {option.key for option in question.options} for question in tree().questions}
    assert all(answer in known[key] for key, answer in found.answers().items())
