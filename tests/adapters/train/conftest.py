"""A small training that takes seconds: a tiny random model learns to say one word to each of a few questions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adapters.data.build import DataReport, Prepared, data_hash
from adapters.data.leakage import Leakage
from adapters.data.report import Report
from adapters.example import Example
from adapters.tiny import save_tiny
from adapters.train.plan import Plan, plan
from rag.context.prompt import build_messages, template_hash
from rag.qa import Pair
from rag.settings import Settings
from tests.adapters.made import tiny_settings

WORDS = ("red", "blue", "green", "grey")


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("base") / "tiny")


def small_data(questions: int = 12) -> Prepared:
    pairs = [Pair(f"q{number}", f"Colour {number}?", (WORDS[number % 4],), language="en") for number in range(questions)]
    examples = [Example(pair.id, tuple(build_messages(pair.question, style="short")), pair.answers[0], "closed-book") for pair in pairs]
    report = DataReport(Report({"closed-book": len(pairs)}), len(pairs), 4, 0, 4, Leakage((), (0, 0)), "", template_hash())
    return Prepared(examples, pairs[:4], report, data_hash(examples, pairs[:4]))


@pytest.fixture
def planned(tiny_base: Path, tmp_path: Path) -> Callable[..., tuple[Settings, Plan]]:
    """Settings and a plan over the small data; keywords are settings of [train]."""

    def make(name: str = "small", **train: Any) -> tuple[Settings, Plan]:
        settings = tiny_settings(tiny_base, tmp_path / "home", backend="scripted")
        chosen = {"recipe": "closed-book", "epochs": 4, "batch_tokens": 700, "validations": 2, "learning_rate": 5e-3, **train}
        settings = settings.model_copy(update={"train": settings.train.model_copy(update=chosen)})
        return settings, plan(settings, small_data(), name=name)

    return make
