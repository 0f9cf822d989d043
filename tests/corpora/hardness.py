"""How far the questions can be answered by matching words: overlap with the gold span, and BM25 alone over pages and paragraphs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

import bm25s
import numpy as np

from tests.corpora.atlas import Pair, content_words, jaccard, pages


@dataclass(frozen=True)
class Found:
    """Rank (from 1, 0 = not found) of the first gold page and the first gold paragraph for one question."""

    pair: Pair
    page: int
    paragraph: int


class Lexical:
    """BM25 (Lucene's variant, defaults of bm25s) over stemmed words of the texts."""

    def __init__(self, texts: Sequence[str]) -> None:
        vocabulary: dict[str, int] = {}
        rows = [[vocabulary.setdefault(word, len(vocabulary)) for word in content_words(text)] for text in texts]
        self.vocabulary, self.model = vocabulary, bm25s.BM25(method="lucene")
        self.model.index((rows, vocabulary), create_empty_token=False, show_progress=False)

    def ranked(self, query: str) -> list[int]:
        """Positions of the texts that share a word with the query, best first."""
        words = [self.vocabulary[word] for word in dict.fromkeys(content_words(query)) if word in self.vocabulary]
        if not words:
            return []
        scores = self.model.get_scores_from_ids(words)
        return [int(row) for row in np.argsort(-scores, kind="stable") if scores[row] > 0]


def overlap(pair: Pair) -> float:
    """Jaccard overlap of the stemmed content words of a question and of its gold spans."""
    return jaccard(frozenset(content_words(pair.question)), frozenset(content_words(pair.spans)))


def search(pairs: Sequence[Pair], language: str) -> list[Found]:
    """Where BM25 finds the gold pages and paragraphs of answerable questions among the texts of one language (that of the question)."""
    paths = [path for path, page in pages().items() if page.language == language]
    places = [(path, text) for path in paths for text in pages()[path].paragraphs]
    by_page, by_paragraph = Lexical([pages()[path].body for path in paths]), Lexical([text for _, text in places])
    found = []
    for pair in pairs:
        spans = {gold["span"] for gold in pair.gold}
        page_ranks = [rank for rank, row in enumerate(by_page.ranked(pair.question), 1) if paths[row] in pair.docs]
        paragraph_ranks = [
            rank
            for rank, row in enumerate(by_paragraph.ranked(pair.question), 1)
            if places[row][0] in pair.docs and any(span in places[row][1] for span in spans)
        ]
        found.append(Found(pair, min(page_ranks, default=0), min(paragraph_ranks, default=0)))
    return found


def hit_rate(ranks: Sequence[int], k: int) -> float:
    return mean(0 < rank <= k for rank in ranks)
