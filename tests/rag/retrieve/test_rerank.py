"""Reranking with a real cross-encoder: a BERT of a few thousand random weights, made here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rag.embed.hashing import HashEmbedder
from rag.errors import ModelError
from rag.index.build import build
from rag.index.opened import open_live
from rag.retrieve.rerank import CrossEncoderReranker, open_reranker
from rag.retrieve.retriever import Retriever, open_retriever
from rag.settings import Settings
from rag.types import Chunk, Hit

QUERY = "what does alpha scale"
TEXTS = [
    "the adapter holds two small matrices",
    "the index finds passages",
    "alpha scales the weight of the adapter",
    "rank of the matrices",
    "where does the prompt of a model end",
]
WORDS = sorted({word for text in (*TEXTS, QUERY) for word in text.split()})


def save_cross_encoder(folder: Path, *, labels: int = 1) -> Path:
    """A folder as `CrossEncoder.save_pretrained` writes it, with random weights large enough that scores differ."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

    folder.mkdir()
    pieces = [*("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"), *WORDS, *(f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz")]
    (folder / "vocab.txt").write_text("\n".join([*pieces, *"abcdefghijklmnopqrstuvwxyz"]) + "\n", encoding="utf-8")
    BertTokenizer(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(7)
    sizes: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = BertConfig(vocab_size=len(pieces) + 26, initializer_range=0.5, **sizes | {"num_labels": labels})
    BertForSequenceClassification(config).save_pretrained(folder)  # type: ignore[no-untyped-call]
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_cross_encoder(tmp_path_factory.mktemp("reranker") / "model")


@pytest.fixture
def hits() -> list[Hit]:
    chunks = [Chunk("d", "a.md", 100 * number, 100 * number + len(text), text) for number, text in enumerate(TEXTS)]
    return [Hit(chunk, 1.0 - number / 10, dense=0.5, lexical=2.0, dense_rank=number + 1) for number, chunk in enumerate(chunks)]


@pytest.fixture
def indexed(settings: Settings) -> Settings:
    for number, text in enumerate(TEXTS):
        (settings.corpus).mkdir(exist_ok=True)
        (settings.corpus / f"{number}.md").write_text(f"---\nlanguage: en\n---\n{text}\n", encoding="utf-8")
    build(settings)
    return settings


def reranking(settings: Settings, name: str) -> Settings:
    return settings.model_copy(update={"retrieve": settings.retrieve.model_copy(update={"reranker": name})})


def expected(folder: Path, texts: list[str]) -> list[float]:
    """The scores by transformers alone: one pair at a time, no library of ours."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        return [float(model(**tokenizer(QUERY, text, return_tensors="pt")).logits.sigmoid()) for text in texts]


def test_the_order_follows_the_scores_of_the_cross_encoder(folder: Path, hits: list[Hit]) -> None:
    found = CrossEncoderReranker(folder).rerank(QUERY, hits)
    scores = dict(zip(TEXTS, expected(folder, TEXTS), strict=True))
    assert len({round(score, 4) for score in scores.values()}) == len(TEXTS)  # or there would be no order to see
    assert [hit.chunk.text for hit in found] == sorted(TEXTS, key=lambda text: -scores[text])
    for hit in found:
        assert hit.rerank == hit.score == pytest.approx(scores[hit.chunk.text], abs=1e-4)


def test_no_hit_is_invented_or_lost_and_nothing_else_about_it_changes(folder: Path, hits: list[Hit]) -> None:
    found = CrossEncoderReranker(folder).rerank(QUERY, hits)
    assert {hit.chunk.id for hit in found} == {hit.chunk.id for hit in hits}
    by_id = {hit.chunk.id: hit for hit in hits}
    for hit in found:
        before = by_id[hit.chunk.id]
        assert (hit.chunk, hit.dense, hit.lexical, hit.dense_rank) == (before.chunk, before.dense, before.lexical, before.dense_rank)
    assert CrossEncoderReranker(folder).rerank(QUERY, []) == []


def test_the_order_of_the_candidates_does_not_matter(folder: Path, hits: list[Hit]) -> None:
    reranker = CrossEncoderReranker(folder)
    forth, back = reranker.rerank(QUERY, hits), reranker.rerank(QUERY, hits[::-1])
    assert [hit.chunk.id for hit in forth] == [hit.chunk.id for hit in back]


def test_the_retriever_reranks_what_it_fused(folder: Path, indexed: Settings) -> None:
    plain = open_retriever(indexed)
    found = open_retriever(reranking(indexed, str(folder))).search(QUERY)
    assert plain.reranker is None
    assert {hit.chunk.id for hit in found} == {hit.chunk.id for hit in plain.search(QUERY)}
    assert [hit.rerank for hit in found] == sorted((hit.rerank or 0.0 for hit in found), reverse=True)
    assert all(hit.dense is not None or hit.lexical is not None for hit in found)


def test_an_empty_setting_leaves_everything_as_it_was(indexed: Settings) -> None:
    assert open_reranker(reranking(indexed, "")) is None
    embedder = HashEmbedder()
    without = Retriever(open_live(indexed, embedder), embedder, indexed.retrieve)
    found = open_retriever(reranking(indexed, "")).search(QUERY)
    assert found == without.search(QUERY)
    assert all(hit.rerank is None for hit in found)


def test_auto_goes_without_when_no_reranker_is_here(indexed: Settings) -> None:
    assert open_reranker(reranking(indexed, "auto")) is None


@pytest.mark.parametrize("damage", ["config", "weights", "no weights", "tokenizer"])
def test_a_broken_folder_is_one_clear_line(damage: str, tmp_path: Path, hits: list[Hit]) -> None:
    broken = save_cross_encoder(tmp_path / "broken")
    if damage == "config":
        (broken / "config.json").write_text('{"model_type": "bert", ', encoding="utf-8")
    elif damage == "weights":
        (broken / "model.safetensors").write_bytes((broken / "model.safetensors").read_bytes()[:1000])
    elif damage == "no weights":
        (broken / "model.safetensors").unlink()
    else:
        (broken / "tokenizer.json").write_text(json.dumps({"version": "1.0"}), encoding="utf-8")
    with pytest.raises(ModelError, match=r"reranker in .*broken cannot be loaded") as caught:
        CrossEncoderReranker(broken).rerank(QUERY, hits)
    assert "\n" not in str(caught.value)
    assert "retrieve.reranker" in str(caught.value)


def test_a_folder_without_a_model_is_refused_before_any_question(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "nothing").mkdir()
    with pytest.raises(ModelError, match="nothing is not a model folder"):
        open_reranker(reranking(settings, str(tmp_path / "nothing")))


def test_a_classifier_of_several_labels_is_no_reranker(tmp_path: Path, hits: list[Hit]) -> None:
    with pytest.raises(ModelError, match="3 scores"):
        CrossEncoderReranker(save_cross_encoder(tmp_path / "classes", labels=3)).rerank(QUERY, hits)
