"""A small corpus on disk and settings that need no model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rag.settings import Settings

TEXTS = {
    "lora.md": "# LoRA\n\nLoRA adds two small matrices to a frozen weight. The option lora_alpha scales them.\n",
    "rag.md": "# Retrieval\n\nRetrieval finds passages in an index and puts them into the prompt of a model.\n",
    "ru/icl.md": "# Обучение в контексте\n\nМодель видит несколько примеров в запросе и отвечает по образцу, её веса не меняются.\n",
    "ru/bm25.md": "# Поиск по словам\n\nФункция BM25 оценивает документы по частоте слов запроса и по длине документа.\n",
}


def write(folder: Path, texts: dict[str, str]) -> None:
    for name, text in texts.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    write(folder, TEXTS)
    return folder


@pytest.fixture
def make_settings(tmp_path: Path, corpus: Path) -> Callable[..., Settings]:
    def make(**sections: Any) -> Settings:
        return Settings(**{"home": tmp_path / "home", "corpus": corpus, "embed": {"backend": "hash"}, **sections})

    return make


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings()
