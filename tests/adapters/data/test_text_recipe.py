"""Recipe `text`: blocks are the documents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.data.recipes.recipe import Material, make
from adapters.data.recipes.text import BLOCK, blocks
from rag.types import Document


def count(text: str) -> int:
    return len(text.split())


@settings(deadline=None)  # the first call imports LlamaIndex
@given(
    st.lists(st.sampled_from(["One sentence here.", "Another, with a clause; and more!", "\n\n", "слово", "x" * 30]), max_size=60),
    st.integers(2, 20),
)
def test_joined_blocks_are_the_text_and_none_is_too_long(parts: list[str], size: int) -> None:
    text = " ".join(parts)
    found = list(blocks(text, size, count))
    assert "".join(found) == text
    assert all(count(block) <= size for block in found)


def test_every_document_gives_blocks_up_to_the_limit(material: Callable[..., Material]) -> None:
    documents = [Document(f"{number}.md", "A sentence of five words. " * 300, language="en") for number in range(3)]
    given_ = replace(material([], recipe="text"), documents=lambda: documents)
    made = make(given_)
    assert made.report.kinds == {"text": len(made.examples)} and made.report.styles == {"-": len(made.examples)}
    assert {path for example in made.examples for path in example.documents} == {"0.md", "1.md", "2.md"}
    assert all(not example.messages and count(example.target) <= BLOCK for example in made.examples)
    assert sum(count(example.target) for example in made.examples) == 3 * 1500
    fewer = make(replace(given_, settings=given_.settings.model_copy(update={"examples": 4})))
    assert len(fewer.examples) == 4
