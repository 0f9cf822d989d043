"""Whether the gold documents and spans of the cases are in the index that is asked."""

from __future__ import annotations

from collections.abc import Sequence

from eval.cases.spans import locate
from eval.types import Case
from rag.errors import InputError
from rag.index.opened import Index

SHOWN = 3


def missing_gold(index: Index, cases: Sequence[Case]) -> list[str]:
    """One line for each kind of thing that is missing. Raises InputError when cases name documents and none of them is there."""
    wanted = {path for case in cases for path in (*case.pair.docs, *(doc for doc, _ in case.pair.gold))}
    texts = {document.path: document.text for document in index.documents() if document.path in wanted} if wanted else {}
    absent = sorted(wanted - texts.keys())
    if wanted and not texts:
        raise InputError(
            f"None of the {len(wanted)} gold documents is in this index ({_some(absent)}).",
            "Paths in `docs` are relative to the corpus folder; is it the index of these questions?",
        )
    lost = [case.id for case in cases if any(doc in texts and locate(texts[doc], span) is None for doc, span in case.pair.gold)]
    notes = []
    if absent:
        notes.append(f"{len(absent)} gold documents are not in the index (copies of others are indexed once): {_some(absent)}")
    if lost:
        notes.append(f"{len(lost)} cases have a gold span that is not in its document: {_some(lost)}")
    return notes


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
