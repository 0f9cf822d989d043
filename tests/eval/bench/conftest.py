"""A small QA set on disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

PAGES = {
    "lora__1.md": "# LoRA\n\nThe usual rank of a LoRA adapter is sixteen. Its alpha scales the update.",
    "memory__1.md": "# Memory\n\nFull fine-tuning with Adam needs sixteen bytes for every parameter of the model.",
    "bm25__1.md": "# Lexical search\n\nBM25 weighs the words of a query by how rare they are in the corpus.",
    "bm25__2.md": "# Stemming\n\nA stemmer cuts the endings of words, so that inflected forms are found, too.",
}
ROWS = [
    {
        "id": "1",
        "question": "What is the usual rank of a LoRA adapter?",
        "answers": ["sixteen"],
        "docs": ["lora__1.md"],
        "lang": "en",
        "kind": "fact",
    },
    {
        "id": "2",
        "question": "How many bytes does Adam need for every parameter?",
        "answers": ["16", "sixteen bytes"],
        "docs": ["memory__1.md"],
        "lang": "en",
    },
    {"id": "3", "question": "How does BM25 weigh rare words?", "answers": ["more"], "docs": ["bm25__1.md", "bm25__2.md"], "lang": "en"},
    {"id": "4", "question": "What does a stemmer cut?", "answers": ["endings of words"], "docs": ["bm25__2.md"], "lang": "en"},
    {"id": "5", "question": "Who invented bread?", "answers": [], "docs": [], "answerable": False, "lang": "en"},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "small"
    (made / "corpus").mkdir(parents=True)
    for name, text in PAGES.items():
        (made / "corpus" / name).write_text(text, encoding="utf-8")
    (made / "qa.jsonl").write_text("\n".join(json.dumps(row) for row in ROWS), encoding="utf-8")
    return made
