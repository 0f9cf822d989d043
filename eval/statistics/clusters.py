"""Which questions stand or fall together: those about one document."""

from __future__ import annotations

from collections.abc import Iterable

from eval.bench.sets import cluster
from eval.types import Case

FEWEST = 8
"""Documents from which on resampling them makes sense: below, a test that flips whole documents could not find anything at all
(2 / 2^7 is over 0.05 / 5, what Holm asks of the first of five contrasts)."""


def document_of(case: Case) -> str:
    """The document that a case is about; a case without one stands alone."""
    pair = case.pair
    return cluster(pair) if pair.docs or not pair.gold else pair.gold[0][0].partition("__")[0]


def documents_in(cases: Iterable[Case]) -> int:
    """How many documents the answerable cases are about."""
    return len({document_of(case) for case in cases if case.pair.answerable})


def clusters_of(cases: Iterable[Case]) -> dict[str, str]:
    """Case id -> its document; with fewer than FEWEST documents its own id.

    In the second case the results hold for more questions on these very documents, not for other documents.
    """
    known = list(cases)
    by_document = documents_in(known) >= FEWEST
    return {case.id: document_of(case) if by_document else case.id for case in known}
