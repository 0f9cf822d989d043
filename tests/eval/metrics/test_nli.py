"""Groundedness by an NLI model: a tiny random cross-encoder shows that it goes, a made-up one that it is right."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval.evaluate import evaluate
from eval.metrics.nli import NliGrounder, entailment, open_nli
from eval.request import Request
from rag.errors import ModelError
from rag.settings import Settings

LABELS = {0: "contradiction", 1: "entailment", 2: "neutral"}
WORDS = """the usual rank of a lora adapter is sixteen full fine tuning needs bytes for each parameter what how many"""


def save_nli(folder: Path, labels: dict[int, str] = LABELS) -> Path:
    """A folder as transformers writes it, with random weights."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

    folder.mkdir()
    letters = "abcdefghijklmnopqrstuvwxyz"
    pieces = [*("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"), *WORDS.split(), *(f"##{letter}" for letter in letters), *letters]
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    BertTokenizer(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(7)
    sizes: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = BertConfig(vocab_size=len(pieces), initializer_range=0.5, **sizes | {"id2label": labels, "num_labels": len(labels)})
    BertForSequenceClassification(config).save_pretrained(folder)  # type: ignore[no-untyped-call]
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_nli(tmp_path_factory.mktemp("nli") / "model")


class Words:
    """A model for which a passage entails what has no word beyond its own, and that keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def predict(self, pairs: Sequence[tuple[str, str]], **options: object) -> Any:
        self.asked += pairs
        inside = [set(stated.lower().rstrip(".").split()) <= set(passage.lower().split()) for passage, stated in pairs]
        return np.array([[0.1, 0.9, 0.2] if each else [0.6, 0.2, 0.5] for each in inside])


def test_a_statement_is_supported_when_any_passage_entails_it(folder: Path) -> None:
    grounder, words = NliGrounder(folder), Words()
    grounder._model = words  # type: ignore[assignment]
    answer = "The usual rank is sixteen. [2] Adam keeps two big moments. Sixteen."
    found = asyncio.run(grounder("rank is", answer, ["bread is blue", "the usual rank is sixteen"]))
    assert found.supported == ("The usual rank is sixteen.", "Sixteen.")
    assert found.unsupported == ("Adam keeps two big moments.",)
    assert found.share == pytest.approx(2 / 3) and not found.failed
    assert {stated for _, stated in words.asked} >= {"rank is Sixteen.", "Adam keeps two big moments."}  # too short to stand alone


def test_without_passages_nothing_is_supported_and_without_statements_nothing_applies(folder: Path) -> None:
    assert asyncio.run(NliGrounder(folder)("?", "Bread is blue.", [])).share == 0
    assert asyncio.run(NliGrounder(folder)("?", "", ["x"])).share is None


def test_a_model_from_a_folder_tells_for_every_statement_and_always_the_same(folder: Path) -> None:
    answer = "The usual rank is sixteen. Full tuning needs sixteen bytes."
    one, two = (asyncio.run(NliGrounder(folder, "cpu")("what is it", answer, ["the usual rank of a lora adapter"])) for _ in range(2))
    assert one == two and len(one.supported) + len(one.unsupported) == 2


def test_the_label_is_found_by_its_name_wherever_it_stands(folder: Path, tmp_path: Path) -> None:
    assert entailment(folder) == 1
    for name, labels in {"a": {0: "ENTAILMENT", 1: "not_entailment"}, "b": {0: "not_entailment", 1: "entail"}}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps({"id2label": labels}), encoding="utf-8")
        assert entailment(tmp_path / name) == {"a": 0, "b": 1}[name]


def test_what_is_no_nli_model_is_refused_before_anything_is_asked(indexed: Settings, qa: Path, tmp_path: Path) -> None:
    reranker = save_nli(tmp_path / "reranker", {0: "LABEL_0"})
    with pytest.raises(ModelError, match="no NLI model: its labels are LABEL_0"):
        evaluate(Request((qa,), ("rag",), nli=str(reranker)), indexed)
    with pytest.raises(ModelError):
        open_nli(str(tmp_path / "absent"), indexed)


@pytest.mark.slow
def test_an_evaluation_with_it_has_groundedness_and_without_it_has_none(indexed: Settings, qa: Path, folder: Path) -> None:
    run, _ = evaluate(Request((qa,), ("icl", "rag"), nli=str(folder)), indexed)
    grounded = {each.case: each.values["groundedness"] for each in run.scores if "groundedness" in each.values}
    assert grounded and run.judged["groundedness"] == {
        "by": str(folder),
        "replies": len(grounded),
        "statements": run.judged["groundedness"]["statements"],
        "failed": 0,
    }
    assert "pairs" not in run.judged and "groundedness" not in run.estimates["icl"]
    plain, _ = evaluate(Request((qa,), ("icl", "rag")), indexed)
    assert plain.judged == {} and not any("groundedness" in each.values for each in plain.scores)
