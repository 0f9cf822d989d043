"""Recipe `text`: continued pretraining on the documents themselves, in blocks of tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from adapters.data.recipes.recipe import Material
from adapters.data.report import Made, made
from adapters.example import Example
from rag.ingest.sentences import pieces, sentences
from rag.types import content_id

BLOCK = 512
"""Tokens of a block at most; fewer where an optimizer step holds fewer."""


class TextRecipe:
    """Every document, also those whose questions are held back: it is their text that is learned, not the answers."""

    def make(self, material: Material, limit: int) -> Made:
        """Examples of kind `text`; when there are more blocks than `limit`, those first in a drawn order."""
        size = min(BLOCK, material.settings.batch_tokens)
        rows = []
        for document in material.documents():
            for number, text in enumerate(blocks(document.text, size, material.count)):
                if not text.strip():
                    continue
                name = content_id("text", document.path, str(number), text)
                rows.append(Example(name, (), text, "text", document.language, documents=(document.path,)))
        drawn = sorted(rows, key=lambda example: content_id("order", str(material.settings.seed), example.id))
        return made([(example, "-") for example in drawn[:limit]], {})


def blocks(text: str, size: int, count: Callable[[str], int]) -> Iterator[str]:
    """Consecutive sentences of at most `size` tokens by `count`, summed over them; joined they are the text."""
    block, tokens = "", 0
    for part in _parts(text, size, count):
        length = count(part)
        if block and tokens + length > size:
            yield block
            block, tokens = "", 0
        block, tokens = block + part, tokens + length
    if block:
        yield block


def _parts(text: str, size: int, count: Callable[[str], int]) -> Iterator[str]:
    """Sentences; one that is too long is halved, by clauses and words where it has them, until it fits."""
    for sentence in sentences(text):
        yield from _halved(sentence, size, count)


def _halved(text: str, size: int, count: Callable[[str], int]) -> Iterator[str]:
    if count(text) <= size or len(text) < 2:
        yield text
        return
    for piece in pieces(text, len(text) // 2):
        yield from _halved(piece, size, count)
