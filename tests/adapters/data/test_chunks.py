"""Which chunks are asked about first: any beginning of the list is spread over the documents."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from adapters.data.chunks import of_folder, of_index, spread, without
from rag.qa import Pair
from rag.settings import Settings
from rag.types import Chunk


def document(name: str, count: int) -> list[Chunk]:
    return [Chunk(name, f"{name}.md", number, number + 1, "x") for number in range(count)]


sizes = st.lists(st.integers(1, 6), min_size=1, max_size=8)


@given(sizes=sizes, seed=st.integers(0, 5))
def test_every_chunk_comes_once_and_no_document_gets_far_ahead(sizes: list[int], seed: int) -> None:
    documents = [document(f"d{number}", size) for number, size in enumerate(sizes)]
    ordered = spread(documents, seed)
    assert Counter(chunk.id for chunk in ordered) == Counter(chunk.id for chunks in documents for chunk in chunks)
    for end in range(1, len(ordered) + 1):
        taken = Counter(chunk.document_id for chunk in ordered[:end])
        for chunks in documents:
            have = taken[chunks[0].document_id]
            assert have == len(chunks) or have >= max(taken.values()) - 1


def test_the_seed_decides_the_order_and_the_order_of_the_documents_does_not() -> None:
    documents = [document(f"d{number}", 3) for number in range(9)]
    assert spread(documents, 0) == spread(documents[::-1], 0) != spread(documents, 1)


def test_documents_that_are_tested_on_are_left_out_with_their_translations() -> None:
    documents = [[Chunk(path, path, 0, 1, "x")] for path in ("en/lora.md", "ru/lora.md", "en/rag.md")]
    kept = without(documents, [Pair("q", "Who?", ("x",), ("ru/lora.md",))])
    assert [chunks[0].path for chunks in kept] == ["en/rag.md"]


def test_a_folder_is_cut_as_its_index_is(towns: Settings) -> None:
    assert of_folder(towns.corpus, towns) == of_index(towns)
    assert {chunks[0].path for chunks in of_index(towns)} == {f"town{number}.md" for number in range(12)}
