"""Material for recipes over the small world of `towns`, and an index of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from adapters.data.build import serving_prompt
from adapters.data.gold import GoldPassage
from adapters.data.recipes.recipe import Material
from rag.assistant import open_assistant
from rag.index.build import build
from rag.qa import Pair
from rag.settings import Settings, Train
from rag.types import Context
from tests.adapters.data.towns import NAMES, gold_text, retrieved


@pytest.fixture
def material(settings: Settings) -> Callable[..., Material]:
    """Material over these pairs; `found` is what the retriever gives for a pair."""
    prompt = serving_prompt(open_assistant(settings))

    def make(
        pairs: Sequence[Pair],
        *,
        found: Callable[[Pair], Context] = retrieved,
        gold_passage: GoldPassage | None = None,
        **train: object,
    ) -> Material:
        async def retrieve(asked: Pair) -> Context:
            return found(asked)

        chosen = Train.model_validate(train)
        return Material(chosen, pairs, prompt, retrieve, lambda: (), lambda text: len(text.split()), gold_passage)

    return make


@pytest.fixture
def towns(settings: Settings) -> Settings:
    """An index of twelve pages on the hash embedder, and the settings that train on questions about them."""
    settings.corpus.mkdir(parents=True)
    rows = []
    for number, name in enumerate(NAMES):
        (settings.corpus / f"town{number}.md").write_text(f"# {name}\n\n{gold_text(number)}\n", encoding="utf-8")
        rows.append({"id": f"town-{number:04d}", "question": f"When was {name} {number} founded?", "answers": [str(1000 + number)]})
        rows[-1] |= {"docs": [f"town{number}.md"], "lang": "en"}
        nobody = {"id": f"x{number}", "question": f"Who is the mayor of {name} these days?", "answers": [], "near": f"town{number}.md"}
        rows.append(nobody)
    qa = settings.corpus.parent / "qa.jsonl"
    qa.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    build(settings)
    train = Train.model_validate({"qa": (str(qa),), "unanswerable": 0.2, "absent": 0.1, "validation": 0.25})
    return settings.model_copy(update={"train": train})


@pytest.fixture
def qa_file(towns: Settings) -> Path:
    return Path(towns.train.qa[0])
