"""The BM25 half."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rag.errors import IndexError_
from rag.index import lexical
from rag.index.lexical import Lexical
from rag.types import Chunk

TEXTS = [
    ("en", "LoRA", "Low-rank adapters train two small matrices; lora_alpha scales them."),
    ("en", "vLLM", "Set max-model-len to 4096 for GPT-4 style prompts in C++ servers."),
    ("ru", "Закон", "Закон 152-ФЗ говорит об обработке персональных данных в ещё одном реестре."),
    ("ru", "Поиск", "Модели ищут документы по словам и по смыслу."),
    ("en", "The", "To be or not to be, that is the question."),
    ("en", "", "!!! --- ???"),
]


@pytest.fixture(scope="module")
def chunks() -> list[Chunk]:
    return [
        Chunk(f"{number:016x}", f"{number}.md", 0, len(text), text, header=header, language=language)
        for number, (language, header, text) in enumerate(TEXTS)
    ]


@pytest.fixture(scope="module")
def folder(chunks: list[Chunk], tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("lexical")
    lexical.create(made, chunks)
    return made


@pytest.fixture
def index(folder: Path) -> Lexical:
    return Lexical(folder)


@pytest.mark.parametrize(
    ("question", "place"),
    [
        ("lora_alpha", 0), ("alpha", 0), ("low rank adapter", 0), ("LORA", 0), ("max model len", 1), ("max_model_len", 1),
        ("gpt 4", 1), ("GPT4", 1), ("c++", 1), ("152-фз", 2), ("фз", 2), ("реестры еще", 2), ("персональными данными", 2),
        ("какая модель ищет документ?", 3), ("закон", 2), ("vllm", 1),
    ],
)  # fmt: skip
def test_it_finds(index: Lexical, chunks: list[Chunk], question: str, place: int) -> None:
    assert index.search(question, 3)[0][0] == chunks[place].id


def test_a_query_of_stop_words_only_still_works(index: Lexical, chunks: list[Chunk]) -> None:
    assert index.search("to be or not to be", 1)[0][0] == chunks[4].id


def test_stop_words_are_dropped_when_there_is_more(index: Lexical, chunks: list[Chunk]) -> None:
    assert [name for name, _ in index.search("what is the adapter", 5)] == [chunks[0].id]


def test_scores_are_positive_and_fall(index: Lexical) -> None:
    hits = index.search("adapters and prompts and servers and matrices", 10)
    scores = [score for _, score in hits]
    assert scores == sorted(scores, reverse=True)
    assert min(scores) > 0


def test_nothing_in_common_finds_nothing(index: Lexical) -> None:
    assert index.search("zygomorphic", 5) == []
    assert index.search("", 5) == []
    assert index.search("?!", 5) == []
    assert index.search("adapters", 0) == []


def test_only_allowed_chunks(index: Lexical, chunks: list[Chunk]) -> None:
    assert [name for name, _ in index.search("adapters prompts", 5, allowed={chunks[1].id, "f" * 16})] == [chunks[1].id]
    assert index.search("adapters", 5, allowed=[]) == []


def test_scores_are_those_of_bm25s(index: Lexical, folder: Path) -> None:
    import bm25s

    model = bm25s.BM25.load(folder)
    terms = ["prompt", "server"]
    assert dict(index.search("prompts servers", 9)) == pytest.approx(
        {str(index._ids[row]): float(score) for row, score in enumerate(model.get_scores(terms)) if score > 0}
    )


def test_no_file_holds_a_pickle(folder: Path) -> None:
    assert {file.suffix for file in folder.iterdir()} <= {".npy", ".json"}
    assert all(b"O" not in file.read_bytes()[:128].split(b"descr")[1][:10] for file in folder.glob("*.npy"))


def test_a_corpus_of_punctuation_finds_nothing(tmp_path: Path, chunks: list[Chunk]) -> None:
    lexical.create(tmp_path, [chunks[5]])
    assert Lexical(tmp_path).search("question", 5) == []


@pytest.mark.parametrize("name", [lexical.DATA, lexical.VOCABULARY, lexical.ANALYSIS])
def test_a_damaged_file_is_one_clear_line(tmp_path: Path, chunks: list[Chunk], name: str) -> None:
    lexical.create(tmp_path, chunks)
    (tmp_path / name).write_bytes(b"{")
    with pytest.raises(IndexError_, match="is damaged"):
        Lexical(tmp_path)


def test_the_vocabulary_is_readable_json(folder: Path) -> None:
    assert "loraalpha" in json.loads((folder / lexical.VOCABULARY).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "question", ["lora_alpha", "to be or not to be", "персональными данными", "alpha unheardof", "GPT-4 prompts in C++"]
)
def test_no_score_exceeds_the_bound_of_its_query(index: Lexical, question: str) -> None:
    assert all(score <= index.bound(question) for _, score in index.search(question, 10))


def test_words_that_no_chunk_holds_raise_the_bound(index: Lexical) -> None:
    assert index.bound("alpha") < index.bound("alpha unheardof") < index.bound("alpha unheardof nowhere")
    assert index.bound("the") == index.bound("the the")
