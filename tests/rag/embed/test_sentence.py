"""A sentence-transformers folder of random weights, made here: what a broken one says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rag.embed.embedder import open_embedder
from rag.errors import ModelError
from rag.settings import Embed, Settings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizer

    bare = tmp_path / "bert"
    bare.mkdir()
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    (bare / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    BertTokenizer(vocab=str(bare / "vocab.txt")).save_pretrained(bare)
    sizes: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    BertModel(BertConfig(vocab_size=len(pieces), **sizes)).save_pretrained(bare)  # type: ignore[no-untyped-call]
    words = Transformer(str(bare), max_seq_length=64)
    SentenceTransformer(modules=[words, Pooling(16)], device="cpu").save(str(tmp_path / "model"))
    return tmp_path / "model"


def test_a_folder_of_ones_own_embeds(folder: Path, settings: Settings) -> None:
    embedder = open_embedder(settings.model_copy(update={"embed": Embed(model=str(folder))}))
    assert embedder.embed_passages(["some words", "others"]).shape == (2, embedder.dimension) == (2, 16)


def test_cut_off_weights_are_one_clear_line(folder: Path, settings: Settings) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    embedder = open_embedder(settings.model_copy(update={"embed": Embed(model=str(folder))}))
    with pytest.raises(ModelError, match="cannot be loaded") as caught:
        embedder.embed_query("words")
    assert "\n" not in str(caught.value)
