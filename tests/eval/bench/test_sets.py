"""QA sets on disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eval.bench.sets import cluster, open_set, spread
from rag.errors import InputError
from rag.qa import Pair


def test_a_folder_with_a_corpus_and_pairs_is_a_set(folder: Path) -> None:
    qa_set = open_set(folder)
    assert (qa_set.name, len(qa_set.answerable()), len(qa_set.unanswerable())) == ("small", 4, 1)


def test_with_qa_files_the_folder_is_the_corpus_itself(folder: Path) -> None:
    assert open_set(folder / "corpus", qa=[folder / "qa.jsonl"]).corpus == folder / "corpus"


def test_what_is_missing_is_said(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no folder"):
        open_set(tmp_path / "absent")
    (folder / "qa.jsonl").write_text(json.dumps({"question": "Why?", "answers": ["so"], "docs": ["gone.md"]}), encoding="utf-8")
    with pytest.raises(InputError, match=r"gone\.md"):
        open_set(folder)
    (folder / "qa.jsonl").unlink()
    with pytest.raises(InputError, match="no qa"):
        open_set(folder)


def test_a_limit_is_spread_over_the_whole_set() -> None:
    pairs = [Pair(str(number), "?") for number in range(10)]
    assert [pair.id for pair in spread(pairs, 5)] == ["0", "2", "4", "6", "8"]
    assert spread(pairs, 0) == spread(pairs, 99) == pairs


def test_pieces_of_one_work_are_one_cluster() -> None:
    assert cluster(Pair("1", "?", docs=("Normans__00.md", "x.md"))) == cluster(Pair("2", "?", docs=("Normans__17.md",))) == "Normans"
    assert cluster(Pair("3", "?")) == "3"
