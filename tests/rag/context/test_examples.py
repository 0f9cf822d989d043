"""Few-shot examples: similar, in the asker's language, never the question itself nor an evaluated one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rag.context.examples import Examples
from rag.embed.embedder import open_embedder
from rag.qa import Pair
from rag.settings import Settings

ROWS = [
    ("How much memory does LoRA need?", "little", "en"),
    ("How much memory does full fine-tuning need?", "much", "en"),
    ("Who invented BM25?", "Robertson", "en"),
    ("Сколько памяти нужно LoRA?", "мало", "ru"),
]


@pytest.fixture
def examples(settings: Settings, tmp_path: Path) -> Examples:
    file = tmp_path / "train.jsonl"
    file.write_text("\n".join(json.dumps({"question": q, "answers": [a], "lang": lang}) for q, a, lang in ROWS), encoding="utf-8")
    return Examples([file, tmp_path / "missing.jsonl"], open_embedder(settings), settings.home / "cache")


def test_the_most_similar_example_comes_last_in_the_language_of_the_question(examples: Examples) -> None:
    chosen = examples.choose("How much memory does QLoRA need?", 2)
    assert [example.answer for example in chosen] == ["much", "little"] or [example.answer for example in chosen] == ["little", "much"]
    assert [example.answer for example in examples.choose("Сколько памяти нужно?", 3)] == ["мало"]


def test_the_question_itself_and_evaluated_ones_are_never_shown(examples: Examples) -> None:
    assert "little" not in [example.answer for example in examples.choose("how much memory does lora need", 4)]
    examples.exclude([Pair("1", ROWS[1][0])])
    assert [example.answer for example in examples.choose("How much memory does LoRA need?", 4)] == ["Robertson"]


def test_embeddings_of_the_examples_are_kept(examples: Examples, settings: Settings) -> None:
    examples.choose("How?", 1)
    assert len(list((settings.home / "cache").glob("examples-*.npy"))) == 2


def test_without_examples_the_prompt_is_zero_shot(settings: Settings, tmp_path: Path) -> None:
    assert Examples([tmp_path / "none.jsonl"], open_embedder(settings), tmp_path).choose("How?", 3) == []
