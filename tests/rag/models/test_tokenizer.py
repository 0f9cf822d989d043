"""Counts and spans of a tokenizer."""

from __future__ import annotations

from pathlib import Path

import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import decoders, models, pre_tokenizers

from rag.errors import ModelError
from rag.models.tokenizer import Tokenizer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A byte-level tokenizer without merges, stored with the truncation and padding that many models ship."""
    built = tokenizers.Tokenizer(models.BPE({char: i for i, char in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}, []))
    built.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    built.decoder = decoders.ByteLevel()
    built.enable_truncation(4)
    built.enable_padding(length=16)
    folder = tmp_path_factory.mktemp("tokenizer")
    built.save(str(folder / "tokenizer.json"))
    return folder


@given(text=st.text(max_size=50))
def test_there_is_a_span_inside_the_text_for_every_token_and_they_cover_it(folder: Path, text: str) -> None:
    tokenizer = Tokenizer(folder)
    spans = tokenizer.spans(text)
    assert tokenizer.count(text) == len(spans) == len(text.encode())
    assert all(0 <= start <= end <= len(text) for start, end in spans)
    assert {i for start, end in spans for i in range(start, end)} == set(range(len(text)))


def test_tokens_that_begin_with_a_string_are_found_behind_white_space_in_either_spelling(tmp_path: Path) -> None:
    vocabulary = {token: number for number, token in enumerate(("a", "[", "\u0120[", "\u010a\u0120[x", "\u2581[1]", "a[", "]", "<s>"))}
    built = tokenizers.Tokenizer(models.WordLevel(vocabulary, unk_token="a"))
    built.add_special_tokens(["[PAD]"])
    built.save(str(tmp_path / "tokenizer.json"))
    tokenizer = Tokenizer(tmp_path)
    assert tokenizer.beginning_with(("[",)) == (1, 2, 3, 4) and tokenizer.beginning_with(("]", "<")) == (6, 7)


def test_a_long_text_is_neither_cut_nor_a_short_one_padded(folder: Path) -> None:
    assert Tokenizer(folder).count("abcdefgh") == 8
    assert Tokenizer(folder).count("a") == 1


def test_a_folder_without_a_tokenizer_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"has no tokenizer.json"):
        Tokenizer(tmp_path)


def test_a_broken_tokenizer_is_named(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match="cannot be read"):
        Tokenizer(tmp_path)
