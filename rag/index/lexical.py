"""The lexical half: BM25 over stemmed terms (bm25s), stored as plain arrays and json, searched without loading bm25s."""

from __future__ import annotations

import json
import logging
import math
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.errors import IndexError_
from rag.index import words
from rag.index.store import ID_TYPE
from rag.progress import Progress, silent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rag.types import Chunk

FORMAT = 1
DATA, INDICES, INDPTR, VOCABULARY = "data.csc.index.npy", "indices.csc.index.npy", "indptr.csc.index.npy", "vocab.index.json"
"""The names that `bm25s.BM25.save` gives its files: one column of scores per term, in compressed sparse column form."""
IDS, ANALYSIS = "ids.npy", "analysis.json"
K1, B = 1.5, 0.75
"""BM25 as in Lucene (Robertson et al. 1994; Kamphuis et al. 2020); the defaults of bm25s."""


class Lexical:
    """BM25 scores per term, memory-mapped. Scores are > 0; a chunk that shares no term is not found."""

    def __init__(self, folder: Path) -> None:
        """Raises IndexError_ when a file is missing or damaged."""
        try:
            files = [np.load(folder / name, mmap_mode="r", allow_pickle=False) for name in (DATA, INDICES, INDPTR, IDS)]
            self._data, self._indices, self._indptr, self._ids = files
            self._vocabulary: dict[str, int] = json.loads((folder / VOCABULARY).read_text(encoding="utf-8"))
            analysis = json.loads((folder / ANALYSIS).read_text(encoding="utf-8"))
            self._algorithms: dict[str, list[str]] = analysis["algorithms"]
            self._stop = stop_terms(tuple(analysis["languages"]))
        except (OSError, ValueError, KeyError) as exc:
            raise IndexError_(f"The lexical index in {folder} is damaged ({exc}).", "Build the index again.") from exc
        self._position: dict[str, int] = {}

    def search(self, query: str, k: int, *, allowed: Collection[str] | None = None) -> list[tuple[str, float]]:
        """The best (chunk id, BM25 score), best first, equal scores in corpus order. Stop words count only when there is nothing else."""
        columns, _ = self._look_up(query)
        if not columns or k <= 0:
            return []
        scores = np.zeros(len(self._ids), dtype=np.float32)
        for column in columns:
            span = slice(int(self._indptr[column]), int(self._indptr[column + 1]))
            scores[self._indices[span]] += self._data[span]  # a chunk occurs once per column
        if allowed is not None:
            scores = np.where(self._mask(allowed), scores, np.float32(0))
        positive = np.flatnonzero(scores > 0)
        if len(positive) > k:
            cut = np.partition(scores[positive], len(positive) - k)[len(positive) - k]
            positive = positive[scores[positive] >= cut]
        best = positive[np.argsort(-scores[positive], kind="stable")][:k]
        return [(str(self._ids[row]), float(scores[row])) for row in best]

    def __len__(self) -> int:
        return len(self._ids)

    def bound(self, query: str) -> float:
        """What no chunk's score for this query can exceed: the idf of all its words, also of those that no chunk holds.

        BM25 in Lucene's form is idf * tf / (tf + ...), so a word gives its idf at most. A score close to the bound says that
        the chunk is about the whole question, not just about one of its words.
        """
        columns, unknown = self._look_up(query)
        found = sum(self._idf(int(self._indptr[column + 1] - self._indptr[column])) for column in columns)
        return found + unknown * self._idf(0)

    def _idf(self, chunks: int) -> float:
        """Of a term that stands in so many chunks (Lucene's variant)."""
        return math.log(1 + (len(self._ids) - chunks + 0.5) / (chunks + 0.5))

    def _look_up(self, query: str) -> tuple[list[int], int]:
        """Columns of the query's terms, each once, and the number of its words that no chunk holds."""
        content: dict[int, None] = {}
        stop: dict[int, None] = {}
        unknown = 0
        for compound in words.compounds(query):
            known = [self._vocabulary[term] for term in words.query_terms(compound, self._algorithms) if term in self._vocabulary]
            is_stop = compound.lower().replace("ё", "е") in self._stop
            (stop if is_stop else content).update(dict.fromkeys(known))
            unknown += not known and not is_stop
        return list(content or stop), unknown

    def _mask(self, allowed: Collection[str]) -> NDArray[np.bool_]:
        if not self._position:
            self._position = {str(name): row for row, name in enumerate(self._ids)}
        mask = np.zeros(len(self._ids), dtype=np.bool_)
        mask[[self._position[name] for name in allowed if name in self._position]] = True
        return mask


def create(folder: Path, chunks: Sequence[Chunk], *, progress: Progress = silent) -> None:
    """Write the lexical index of `chunks` (header and text) into an empty folder."""
    vocabulary: dict[str, int] = {}
    algorithms: dict[str, dict[str, None]] = {}
    rows = []
    for number, chunk in enumerate(chunks):
        row = []
        for compound in words.compounds(chunk.embedded_text):
            row += [vocabulary.setdefault(term, len(vocabulary)) for term in words.document_terms(compound, chunk.language)]
        rows.append(row)
        if number % 500 == 0:
            progress("indexing words", number, len(chunks))
    for kind in {words.script(term) for term in vocabulary} - {"", "cjk"}:
        for language in sorted({chunk.language for chunk in chunks}):
            algorithms.setdefault(kind, {})[words.algorithm(kind, language)] = None
    _score(rows, vocabulary, folder)
    np.save(folder / IDS, np.array([chunk.id for chunk in chunks], dtype=ID_TYPE), allow_pickle=False)
    analysis = {
        "format": FORMAT,
        "algorithms": {kind: sorted(names) for kind, names in sorted(algorithms.items())},
        "languages": sorted({chunk.language for chunk in chunks}),
    }
    (folder / ANALYSIS).write_text(json.dumps(analysis, ensure_ascii=False, indent=1), encoding="utf-8")
    progress("indexing words", len(chunks), len(chunks))


def _score(rows: list[list[int]], vocabulary: Mapping[str, int], folder: Path) -> None:
    """The scores of every term in every chunk, by bm25s, written in its own format."""
    if not vocabulary:  # chunks of punctuation only: bm25s divides by their mean length
        for name, array in ((DATA, np.zeros(0, np.float32)), (INDICES, np.zeros(0, np.int32)), (INDPTR, np.zeros(1, np.int64))):
            np.save(folder / name, array, allow_pickle=False)
        (folder / VOCABULARY).write_text("{}", encoding="utf-8")
        return
    with _without_numba():
        import bm25s
    logging.getLogger("bm25s").setLevel(logging.WARNING)  # its import sets DEBUG, which passes every handler
    model = bm25s.BM25(k1=K1, b=B, method="lucene")
    model.index((rows, dict(vocabulary)), create_empty_token=False, show_progress=False)
    model.save(str(folder), show_progress=False, allow_pickle=False)


@contextmanager
def _without_numba() -> Iterator[None]:
    """bm25s imports numba (1.5 s) only to offer a backend that is not used here; None makes the import fail at once."""
    hidden = [name for name in ("numba",) if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)


STOP_LISTS = {
    "en": "EN_PLUS", "de": "GERMAN", "nl": "DUTCH", "fr": "FRENCH", "es": "SPANISH", "pt": "PORTUGUESE", "it": "ITALIAN", "ru": "RUSSIAN",
    "sv": "SWEDISH", "no": "NORWEGIAN", "nb": "NORWEGIAN", "nn": "NORWEGIAN", "tr": "TURKISH", "da": "DANISH",
}  # fmt: skip
"""language -> list in bm25s.stopwords (NLTK's lists)."""


@lru_cache(maxsize=16)
def stop_terms(languages: tuple[str, ...]) -> frozenset[str]:
    """Stop words of those languages. They stay in the index (a query of nothing else still works) and are dropped from queries."""
    found: set[str] = set()
    for language in languages:
        if language in STOP_LISTS:
            found |= {str(word).replace("ё", "е") for word in _stop_list(STOP_LISTS[language])}
    return frozenset(found)


def _stop_list(name: str) -> Any:
    """One list, read from bm25s's own file without importing the package (which takes a second)."""
    import importlib.util

    package = importlib.util.find_spec("bm25s")
    if package is None or not package.submodule_search_locations:
        raise IndexError_("The package bm25s is not installed.", "Install it: make setup.")
    spec = importlib.util.spec_from_file_location("_bm25s_stopwords", Path(package.submodule_search_locations[0]) / "stopwords.py")
    if spec is None or spec.loader is None:
        raise IndexError_("The package bm25s has no stop words.", "Install it again: make setup.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, f"STOPWORDS_{name}")
