"""A tiny corpus with questions about it, indexed with the hash embedder; the scripted generator answers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from rag.generate.routes import Route, publish
from rag.index.build import build
from rag.settings import Settings

PAGES = {
    "en/lora.md": "# LoRA\n\nThe usual rank of a LoRA adapter is sixteen. Its alpha is often twice the rank.",
    "en/memory.md": "# Memory\n\nFull fine-tuning needs sixteen bytes for each parameter. Adam keeps two moments.",
    "en/index.md": "# Index\n\nFAISS searches vectors exactly or by HNSW. Chroma stores them in SQLite.",
    "ru/prompt.md": "# Подсказка\n\nНесколько примеров в запросе называют обучением в контексте. Веса при этом не меняются.",
    "ru/search.md": "# Поиск\n\nГибридный поиск соединяет BM25 и векторы. Слияние рангов называют RRF.",
}
ROWS: tuple[dict[str, Any], ...] = (
    {
        "id": "rank",
        "question": "What is the usual rank of a LoRA adapter?",
        "answers": ["sixteen", "16"],
        "docs": ["en/lora.md"],
        "gold": [{"doc": "en/lora.md", "span": "The usual rank of a LoRA adapter is sixteen."}],
        "lang": "en",
        "tags": ["number"],
    },
    {"id": "bytes", "question": "How many bytes for each parameter?", "answers": ["sixteen"], "docs": ["en/memory.md"], "lang": "en"},
    {"id": "faiss", "question": "What searches vectors exactly?", "answers": ["FAISS"], "docs": ["en/index.md"], "lang": "en"},
    {"id": "moments", "question": "How many moments does Adam keep?", "answers": ["two"], "docs": ["en/memory.md"], "lang": "en"},
    {"id": "price", "question": "What does a LoRA adapter cost in euros?", "answers": [], "answerable": False, "lang": "en"},
    {
        "id": "primery",
        "question": "Как называют несколько примеров в запросе?",
        "answers": ["обучением в контексте"],
        "docs": ["ru/prompt.md"],
        "lang": "ru",
    },
    {"id": "sliyanie", "question": "Как называют слияние рангов?", "answers": ["RRF"], "docs": ["ru/search.md"], "lang": "ru"},
)
ADAPTER = "tuned"


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]] = ROWS) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def load_adapter(settings: Settings, name: str = ADAPTER) -> None:
    """As if an adapter were served beside the base model: the scripted generator says its name before each answer."""
    publish(settings.home, Route(name, "vllm", name, f"{name:0<64}", settings.generate.model))


@pytest.fixture
def indexed(settings: Settings) -> Settings:
    for name, text in PAGES.items():
        file = settings.corpus / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    build(settings)
    return settings


@pytest.fixture
def qa(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "qa.jsonl")
