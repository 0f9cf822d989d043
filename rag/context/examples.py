"""Few-shot examples for the ICL prompt: the solved questions most like the one asked, chosen by LangChain's selector."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rag.context.prompt import Example, prompt_language
from rag.qa import Pair, read_pairs
from rag.types import content_id

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings
    from langchain_core.example_selectors import SemanticSimilarityExampleSelector

    from rag.embed.embedder import Embedder


CANDIDATES = 64
"""Examples looked at, so that enough are left when evaluated ones are taken out."""


class Examples:
    """Solved questions from QA pairs; embedded once and kept in `cache`. Empty when the files are not there."""

    def __init__(self, files: Sequence[Path], embedder: Embedder, cache: Path) -> None:
        self._files = [file for file in files if file.is_file()]
        self._embedder = embedder
        self._cache = cache
        self._selectors: dict[str, SemanticSimilarityExampleSelector] = {}
        self._lock = threading.Lock()
        self._excluded: set[str] = set()

    def exclude(self, pairs: Sequence[Pair]) -> None:
        """Never show these: the pairs that are being evaluated."""
        self._excluded |= {_plain(pair.question) for pair in pairs}

    def choose(self, question: str, k: int) -> list[Example]:
        """At most k examples in the question's language, the most similar last. The question itself is never among them."""
        if k <= 0 or not self._files:
            return []
        with self._lock:
            if not self._selectors:
                self._load()
        selector = self._selectors.get(prompt_language(question))
        if selector is None:
            return []
        rows = selector.select_examples({"question": question})
        taken = {_plain(question), *self._excluded}
        chosen = [Example(row["question"], row["answer"]) for row in rows if _plain(row["question"]) not in taken]
        return chosen[:k][::-1]

    def _load(self) -> None:
        from langchain_core.example_selectors import SemanticSimilarityExampleSelector
        from langchain_core.vectorstores import InMemoryVectorStore

        pairs = [pair for pair in read_pairs(self._files) if pair.answerable and not pair.history]
        for language in ("en", "ru"):
            rows = [{"question": pair.question, "answer": pair.answers[0]} for pair in pairs if prompt_language(pair.question) == language]
            if rows:
                self._selectors[language] = SemanticSimilarityExampleSelector.from_examples(
                    rows, _embeddings(self._embedder, self._cache), InMemoryVectorStore, k=CANDIDATES, input_keys=["question"]
                )


def _plain(question: str) -> str:
    return "".join(character for character in question.lower() if character.isalnum())


def _embeddings(embedder: Embedder, cache: Path) -> Embeddings:
    """Our embedder as LangChain wants it; questions are compared with questions, so both are embedded as queries."""
    from langchain_core.embeddings import Embeddings

    class QuestionEmbeddings(Embeddings):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            file = cache / f"examples-{content_id(repr(sorted(embedder.identity().items())), *texts)}.npy"
            if file.is_file():
                vectors = np.load(file, allow_pickle=False)
            else:
                vectors = embedder.embed_queries(texts)
                file.parent.mkdir(parents=True, exist_ok=True)
                unfinished = file.with_suffix(f".{threading.get_ident()}.tmp.npy")
                np.save(unfinished, vectors, allow_pickle=False)
                unfinished.replace(file)
            rows: list[list[float]] = vectors.tolist()
            return rows

        def embed_query(self, text: str) -> list[float]:
            vector: list[float] = embedder.embed_query(text).tolist()
            return vector

    return QuestionEmbeddings()
