"""Cuts a long text into sentences, and a long sentence into clauses and words, with LlamaIndex's SentenceSplitter.

Only its cutting is used, in the order paragraph, sentence, clause, word. The offsets it can add to nodes are found by searching
the text for each chunk, which goes wrong when sentences repeat; its pieces, unmerged, simply follow each other in
the text, so the offsets are sums of lengths.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Protocol

END = re.compile(
    r"(?<=[.!?…])[\"'»”’)\]*_]{0,3}\s+(?=[^a-zа-яё\s])"  # a mark, and what follows does not go on in small letters
    r"|(?<=[。！？])"
    r"|\n+(?=[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t])"  # an item of a list
)
ENDS_ABBREVIATED = re.compile(r"(?:\b\w|\b(?:Dr|Mr|Ms|Mrs|St|vs|Fig|Eq|No|ул|им|гг|см|др|пр|стр|рис|табл|тыс|млн))\.\Z")
CLAUSE = r"(?s).+?(?:[,;:](?=\s|$)|[、，；：])|.+"


class TokenCounter(Protocol):
    """A model's tokenizer, as far as splitting needs it."""

    def __hash__(self) -> int: ...

    def count(self, text: str) -> int: ...

    def spans(self, text: str) -> list[tuple[int, int]]:
        """For each token, the characters it stands for."""
        ...


def sentences(text: str) -> list[str]:
    """Sentences and list items with the blanks after them; joined they are the text. For languages in any script."""
    cuts = [0]
    for found in END.finditer(text):
        if found.end() > cuts[-1] and not ENDS_ABBREVIATED.search(text, max(0, found.start() - 8), found.start()):
            cuts.append(found.end())
    return [text[start:end] for start, end in zip(cuts, [*cuts[1:], len(text)], strict=True) if end > start]


def pieces(text: str, size: int) -> list[str]:
    """The text in pieces of at most `size` characters, cut as high as possible in the order sentence, clause, word, character.

    Joined they are the text.
    """
    return list(_pieces()(max(size, 1)).split_text(text))


@lru_cache(maxsize=1)
def _pieces() -> Callable[[int], Any]:
    """The splitter's class, made when it is first needed: LlamaIndex takes seconds to import."""
    from llama_index.core.node_parser import SentenceSplitter
    from llama_index.core.node_parser.text.utils import split_by_regex, split_by_sep

    class Pieces(SentenceSplitter):
        """Hands the sentences over as they are cut; which of them make a chunk together is decided in `packing`."""

        def __init__(self, size: int) -> None:
            # Sizes are characters: counting the tokens of every sentence again would take most of the time.
            # The default for sentences imports nltk, which takes seconds too, and loses leading blanks.
            super().__init__(chunk_size=size, chunk_overlap=0, tokenizer=str, chunking_tokenizer_fn=sentences)
            self._sub_sentence_split_fns = [
                split_by_regex(CLAUSE),
                split_by_sep(" "),
                lambda text: [text[start : start + size] for start in range(0, len(text), size)],
            ]

        def _merge(self, splits: list[Any], chunk_size: int) -> list[str]:
            merged = [("", 0)]  # words and clauses are joined a little: there are many of them
            for split in splits:
                text, length = merged[-1]
                if not split.is_sentence and length + split.token_size <= chunk_size // 6:
                    merged[-1] = (text + split.text, length + split.token_size)
                else:
                    merged.append((split.text, chunk_size if split.is_sentence else split.token_size))
            return [text for text, _ in merged if text]

    return Pieces
