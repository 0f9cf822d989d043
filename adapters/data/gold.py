"""Which passages hold the answer of a QA pair: among those retrieved, or taken from the index."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from adapters.data.matching import contains, says, support, words
from rag.context.pack import Count, pack
from rag.index.opened import Index
from rag.qa import Pair
from rag.types import Chunk, Hit, Source

LONG = 8
"""An answer of more words is prose: nobody writes it as the document does, so its words need only be there."""
SUPPORTED = 0.6
"""Share of a long answer's content words that make a passage its gold one."""
JUDGEMENTS = frozenset({"yes", "no", "да", "нет"})
"""Answers that stand in a text by chance; only a gold span says where they come from."""


@dataclass(frozen=True, slots=True)
class Need:
    """What one passage must hold: the span of a document, or (both empty) an accepted answer in any gold document."""

    doc: str = ""
    span: str = ""


GoldPassage = Callable[[Pair, Need], Source | None]
"""The passage that meets a need, straight from the index; None when there is none."""


def needs(pair: Pair) -> list[Need]:
    """One for each gold span: a question over two pages needs both. One when no span is known: `docs` are alternatives."""
    return [Need(doc, span) for doc, span in dict.fromkeys(pair.gold)] or [Need()]


def meets(source: Source, need: Need, pair: Pair) -> bool:
    """Whether this passage holds what is needed. A gold document's passage without the answer does not."""
    if source.path == need.doc:
        return contains(source.text, need.span)
    alone = not need.span or len(needs(pair)) == 1  # a translation of the gold page may stand for it when one page is enough
    return alone and source.path in pair.docs and says_answer(source.text, pair)


def says_answer(text: str, pair: Pair) -> bool:
    """Whether an accepted answer stands in the text; of a long one, most of its words."""
    return any(
        says(text, answer) or (len(words(answer)) > LONG and support(text, answer) >= SUPPORTED)
        for answer in pair.answers
        if " ".join(words(answer)) not in JUDGEMENTS
    )


def gold_of(pair: Pair, retrieved: Sequence[Source], from_index: GoldPassage | None) -> dict[Need, Source] | None:
    """For each need the best-ranked passage that meets it, else the one from the index; None when one is missing."""
    found = {}
    for need in needs(pair):
        source = next((source for source in retrieved if meets(source, need, pair)), None)
        source = source or (from_index(pair, need) if from_index else None)
        if source is None:
            return None
        found[need] = source
    return found


class IndexedGold:
    """A `GoldPassage` over an index: one chunk, or two neighbours joined where the answer crosses a cut.

    A gold document that is one chunk holds the answer in whatever words (inflected, yes or no, told freely).
    """

    def __init__(self, index: Index, *, budget: int, count: Count) -> None:
        """`budget`: tokens that a passage may take, by `count`."""
        self._index = index
        self._budget = budget
        self._count = count

    def __call__(self, pair: Pair, need: Need) -> Source | None:
        for path in [need.doc] if need.doc else pair.docs:
            for document_id in self._documents.get(path, []):
                chunks = self._index.chunks_of(document_id)
                for parts in [*([chunk] for chunk in chunks), *pairwise(chunks)]:
                    source = self._passage(parts)
                    if source is not None and meets(source, need, pair):
                        return source
                if len(chunks) == 1 and not need.span:
                    return self._passage(chunks)
        return None

    def _passage(self, chunks: Sequence[Chunk]) -> Source | None:
        hits = [Hit(chunk, 0.0) for chunk in chunks]
        packed = pack(hits, budget=self._budget, max_sources=1, count=self._count, text_of=self._text)
        return packed.sources[0] if packed.sources else None

    def _text(self, document_id: str) -> str:
        return self._index.document(document_id).text

    @cached_property
    def _documents(self) -> dict[str, list[str]]:
        """Path -> document ids; the rows of a table file share its path."""
        found: dict[str, list[str]] = {}
        for document in self._index.documents():
            found.setdefault(document.path, []).append(document.id)
        return found
