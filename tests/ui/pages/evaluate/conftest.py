"""A home with two finished runs over the small corpus, made once by the scripted generator, with hostile texts among the questions."""

from __future__ import annotations

from pathlib import Path

import pytest

from eval.evaluate import evaluate
from eval.report import write
from eval.request import Request
from rag.index.build import build
from rag.settings import Settings
from tests.eval.conftest import PAGES, ROWS, write_rows
from tests.ui.stage import HOSTILE

BAD = tuple(
    {"id": f"bad{number}", "question": f"{text} {number}?", "answers": [text], "docs": ["en/lora.md"], "lang": "en", "tags": [text]}
    for number, text in enumerate(HOSTILE)
)


@pytest.fixture(scope="session")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of that home; `evaluated.qa` are the questions of the second run."""
    root = tmp_path_factory.mktemp("evaluated")
    for name, text in PAGES.items():
        file = root / "corpus" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    first = write_rows(root / "first.jsonl", (*ROWS, *BAD))
    second = write_rows(root / "second.jsonl", ROWS)
    settings = Settings.model_validate(
        {
            "home": root / "home",
            "corpus": root / "corpus",
            "qa": [str(second)],
            "models": {"hub": False},
            "embed": {"backend": "hash"},
            "generate": {"backend": "scripted"},
            "context": {"examples": []},
        }
    )
    build(settings)
    for file, arms, name in ((first, ("icl", "rag", "oracle", "shuffled"), "first"), (second, ("icl", "rag"), "second")):
        run, folder = evaluate(Request((Path(file),), arms, name=name), settings)
        write(run, folder / "report")
    return settings
