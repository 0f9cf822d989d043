"""Whether the passages of a prompt hold the answer, and whether citations point to it."""

from __future__ import annotations

from collections.abc import Sequence

from eval.metrics.text import terms, within
from eval.types import Passage
from rag.qa import Pair


def holds_gold(pair: Pair, passages: Sequence[Passage]) -> bool:
    """A gold span, or an accepted answer in an accepted file, stands in one of the passages.

    Where the pair names no files, any passage may hold the answer. Spans are compared verbatim but for blanks, answers by their
    normalised words.
    """
    texts = [" ".join(passage.text.split()) for passage in passages]
    if any(span in text for span in (" ".join(span.split()) for _, span in pair.gold) if span for text in texts):
        return True
    return answer_in(pair, [passage for passage in passages if not pair.docs or passage.path in pair.docs])


def answer_in_context(pair: Pair, passages: Sequence[Passage]) -> bool:
    """A gold span, or an accepted answer wherever it comes from, stands in one of the passages."""
    return holds_gold(pair, passages) or answer_in(pair, passages)


def answer_in(pair: Pair, passages: Sequence[Passage]) -> bool:
    """The normalised words of an accepted answer stand in a row in one of the passages."""
    wanted = [found for found in (terms(answer, pair.language) for answer in pair.answers) if found]
    return bool(wanted) and any(
        within(answer, words) for words in (terms(each.text, pair.language) for each in passages) for answer in wanted
    )


def citation_precision(cited: Sequence[tuple[str, str]], pair: Pair) -> float:
    """Share of the cited paths, repeats counted, that are accepted files. `cited` must not be empty."""
    return sum(path in pair.docs for path, _ in cited) / len(cited)


def quote_verbatim(cited: Sequence[tuple[str, str]], passages: Sequence[Passage]) -> float:
    """Share of the quotes that stand word for word, but for blanks, in a passage of the file they name. `cited` must not be empty."""
    texts = [(passage.path, " ".join(passage.text.split())) for passage in passages]
    quotes = [(path, " ".join(quote.split())) for path, quote in cited]
    return sum(any(path == where and quote and quote in text for where, text in texts) for path, quote in quotes) / len(quotes)
