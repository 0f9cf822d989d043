"""An embedder without a model: words are hashed to signed coordinates, so texts that share words are near each other.

The hashing trick (Weinberger et al. 2009, "Feature hashing for large scale multitask learning"). For tests and for
machines without any model; it finds only shared words.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Self

import numpy as np

from rag.index.words import unmarked
from rag.progress import Progress, silent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rag.embed.embedder import Identity
    from rag.settings import Settings

DIMENSION = 256
TOKEN = re.compile(r"\w+|[^\w\s]")
COORDINATES = 4  # per word: enough that two words seldom share all of them


class WordCounter:
    """Tokens are words and single punctuation marks."""

    def count(self, text: str) -> int:
        return sum(1 for _ in TOKEN.finditer(text))

    def spans(self, text: str) -> list[tuple[int, int]]:
        return [match.span() for match in TOKEN.finditer(text)]


@lru_cache(maxsize=100_000)
def _coordinates(word: str) -> tuple[tuple[int, float], ...]:
    digest = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=COORDINATES * 4).digest()
    numbers = [int.from_bytes(digest[i : i + 4], "little") for i in range(0, len(digest), 4)]
    return tuple((number % DIMENSION, 1.0 if number >> 31 else -1.0) for number in numbers)


class HashEmbedder:
    """Deterministic on every machine; needs nothing but numpy."""

    dimension = DIMENSION

    @classmethod
    def open(cls, settings: Settings, *, progress: Progress = silent) -> Self:
        return cls()

    def identity(self) -> Identity:
        sizes = {"dimension": DIMENSION, "max_tokens": 1_000_000}
        return {"backend": "hash", "model": "hash", "revision": "1", "query_prefix": "", "passage_prefix": "", **sizes}

    def tokenizer(self) -> WordCounter:
        return WordCounter()

    def embed_passages(self, texts: Sequence[str], *, progress: Progress = silent) -> NDArray[np.float32]:
        vectors = np.zeros((len(texts), DIMENSION), dtype=np.float32)
        for row, text in enumerate(texts):
            vectors[row] = self._vector(text)
            progress("embedding", row + 1, len(texts))
        return vectors

    def embed_queries(self, texts: Sequence[str], *, progress: Progress = silent) -> NDArray[np.float32]:
        return self.embed_passages(texts, progress=progress)

    def embed_query(self, text: str) -> NDArray[np.float32]:
        return self._vector(text)

    def _vector(self, text: str) -> NDArray[np.float32]:
        vector = np.zeros(DIMENSION, dtype=np.float32)
        for word in TOKEN.findall(unmarked(text).lower().replace("ё", "е")):
            for position, sign in _coordinates(word):
                vector[position] += sign
        length = float(np.linalg.norm(vector))
        if length == 0:  # no words at all: still a unit vector, always the same
            vector[0] = 1.0
            return vector
        return vector / np.float32(length)
