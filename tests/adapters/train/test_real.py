"""LoRA and QLoRA on the default model, for real but short: data from a live index, a few steps, an adapter that answers in this process."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from pathlib import Path

import pytest

from adapters import store
from adapters.data.build import prepare
from adapters.train.plan import plan
from adapters.train.run import train
from adapters.train.validate import Judge
from eval.metrics.text import token_f1
from rag.assistant import Assistant, open_assistant
from rag.generate.routes import Route, publish
from rag.index.build import build
from rag.models.folder import ModelFolder
from rag.qa import read_pairs
from rag.settings import Settings
from rag.types import Answer, Finished

pytestmark = [pytest.mark.model, pytest.mark.slow, pytest.mark.timeout(1800)]

CITIES = ("Arl", "Bont", "Crail", "Dorn", "Elst", "Fenn")


@pytest.fixture
def towns(qwen: ModelFolder, tmp_path: Path) -> Settings:
    """Six pages, and a question about each."""
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    rows = []
    for number, city in enumerate(CITIES):
        year = 1400 + 37 * number
        (corpus / f"{city}.md").write_text(f"# {city}\n\nThe town of {city} was founded in {year} by the river.\n", encoding="utf-8")
        rows.append({"id": city, "question": f"When was {city} founded?", "answers": [str(year)], "docs": [f"{city}.md"], "lang": "en"})
    (tmp_path / "qa.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    settings = Settings.model_validate(
        {
            "home": tmp_path / "home",
            "corpus": corpus,
            "models": {"hub": False},
            "embed": {"backend": "hash"},
            "generate": {"model": str(qwen.path), "backend": "transformers"},
            "context": {"style": "short", "abstain": False},
            "train": {
                "qa": (str(tmp_path / "qa.jsonl"),), "style": "short", "epochs": 2, "batch_tokens": 400, "validation": 0.2,
                "validations": 1, "absent": 0, "unanswerable": 0, "leakage": "allow",
            },
        }
    )  # fmt: skip
    build(settings)
    return settings


@pytest.mark.parametrize("method", ["lora", "qlora"])
def test_a_short_training_of_the_default_model_gives_an_adapter_that_answers(towns: Settings, method: str) -> None:
    """QLoRA, too, answers over the base as it is, not in 4 bits."""
    towns = towns.model_copy(update={"train": towns.train.model_copy(update={"method": method})})
    pairs = read_pairs([Path(towns.train.qa[0])])
    assistant = open_assistant(towns)
    prepared = prepare(towns, pairs, assistant)
    planned = plan(towns, prepared, name="towns")
    assert planned.decision.route == "in-process"
    said: list[str] = []
    card = train(towns, planned, assistant, Judge(lambda pair, text: token_f1(text, pair.answers, "en")), tell=said.append)
    assert card.method == method and card.parameters > 1_000_000
    assert any("low-rank" in line for line in said) == (method == "lora")
    publish(
        towns.home,
        Route("towns", "in-process", "towns", card.sha256, towns.generate.model, folder=str(store.find("towns", towns.home).folder)),
    )
    answer = asyncio.run(_asked(assistant, pairs[0].question))
    assert answer.provenance.adapter_sha256 == card.sha256
    assert token_f1(answer.text, pairs[0].answers, "en") == 1


async def _asked(assistant: Assistant, question: str) -> Answer:
    async with aclosing(assistant.stream(question, "rag+lora", adapter="towns")) as events:
        async for event in events:
            if isinstance(event, Finished):
                return event.answer
    raise AssertionError("no answer")
