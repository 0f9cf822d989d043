"""`atlas bench` prints tables, or JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ui.cli import run

PLAIN = ["--set", "embed.backend=hash", "--set", "generate.backend=scripted", "--set", "models.hub=false"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "small"
    (made / "corpus").mkdir(parents=True)
    (made / "corpus" / "lora.md").write_text("# LoRA\n\nThe usual rank of a LoRA adapter is sixteen.", encoding="utf-8")
    (made / "corpus" / "bread.md").write_text("# Bread\n\nBread is baked from flour, water and yeast.", encoding="utf-8")
    row = {"question": "What is the usual rank of a LoRA adapter?", "answers": ["sixteen"], "docs": ["lora.md"], "lang": "en"}
    (made / "qa.jsonl").write_text(json.dumps(row), encoding="utf-8")
    return made


def atlas(tmp_path: Path, *arguments: str) -> int:
    return run(["--home", str(tmp_path / "home"), *PLAIN, "bench", *arguments])


def test_retrieval_prints_a_table_with_intervals(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert atlas(tmp_path, "retrieval", str(folder)) == 0
    printed = capsys.readouterr().out
    for words in ("hit@1", "nDCG@10", "dense", "lexical", "fused - lexical", "100.0 [100.0 100.0]"):
        assert words in printed


def test_answers_as_json_is_one_object_without_the_single_answers(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert atlas(tmp_path, "answers", str(folder), "--arms", "rag,zero-shot", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert [arm["arm"] for arm in report["arms"]] == ["rag", "zero-shot"]
    assert 0 < report["arms"][0]["metrics"]["F1"]["mean"] <= 1
    assert "asked" not in report["arms"][0]


def test_answers_can_be_shown(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert atlas(tmp_path, "answers", str(folder), "--show") == 0
    assert "Q What is the usual rank of a LoRA adapter?\n= sixteen\n> " in capsys.readouterr().out


def test_a_folder_that_is_no_set_is_one_line_before_anything_is_measured(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert atlas(tmp_path, "retrieval", str(folder), str(tmp_path / "absent")) == 2
    captured = capsys.readouterr()
    assert "is not a QA set" in captured.err
    assert captured.out == ""


def test_index_says_how_fast_the_build_is(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert atlas(tmp_path, "index", str(folder / "corpus"), "--vectors", "0") == 0
    printed = capsys.readouterr().out
    assert "whole build" in printed
    assert "of 2 documents changed" in printed


def test_serve_says_that_a_model_server_is_missing(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert atlas(tmp_path, "serve", "--qa", str(folder / "qa.jsonl")) == 2
    assert "model server" in capsys.readouterr().err
