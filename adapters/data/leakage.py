"""Leakage: training questions that are held-back ones in other clothes, and documents that both ask about."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from adapters.data.matching import words
from adapters.data.split import work
from rag.errors import InputError, UserError
from rag.qa import Pair

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Embed = Callable[[Sequence[str]], NDArray[np.float32]]

JACCARD = 0.6
"""Of word 3-grams. One word changed in the middle of a ten-word question leaves 5 of 11 (0.45): another question, usually."""
CONTAINMENT = 0.85
"""Share of the shorter question's 3-grams that stand in the longer one: the same question with words added."""
CONTAINED = 4
"""Containment counts from so many 3-grams on: `what is the rank` is contained in too much."""
COSINE = 0.95
"""For multilingual-e5, whose unrelated questions have about 0.75 to 0.85 and questions on one subject about 0.9: nearer to 1 than
to any of these only paraphrases are left. Another embedder needs another number."""
ROWS = 1024  # of the cosine matrix at once
SHOWN = 3

Kind = Literal["exact", "n-gram", "embedding", "document"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A training pair (id), a held-back pair (id), how they are the same, and how much: 1 = identical."""

    train: str
    held_back: str
    kind: Kind
    score: float


@dataclass(frozen=True, slots=True)
class Leakage:
    """One finding for each two pairs, the strictest kind; `document` findings name one held-back pair for a training pair."""

    findings: tuple[Finding, ...]
    compared: tuple[int, int]

    @property
    def counts(self) -> dict[str, int]:
        return dict(Counter(finding.kind for finding in self.findings))


def leakage(
    train: Sequence[Pair],
    held_back: Sequence[Pair],
    embed: Embed | None = None,
    *,
    jaccard: float = JACCARD,
    containment: float = CONTAINMENT,
    cosine: float = COSINE,
) -> Leakage:
    """What the two have in common.

    A question is compared with the conversation before it. exact: equal words; n-gram: 3-grams of words, by Jaccard or
    containment (as Brown et al. 2020, appendix C, look for overlap); embedding: cosine of `embed` (texts -> unit rows), left
    out without it; document: the same first document, or a piece or translation of the same work.
    """
    found: dict[tuple[str, str], Finding] = {}
    stages = [_exact(train, held_back), _ngrams(train, held_back, jaccard=jaccard, containment=containment)]
    if embed is not None and train and held_back:
        stages.append(_cosines(train, held_back, embed, cosine))
    for stage in stages:
        for finding in stage:
            found.setdefault((finding.train, finding.held_back), finding)
    same = list(found.values())
    told = {finding.train for finding in same}
    return Leakage((*same, *(each for each in _documents(train, held_back) if each.train not in told)), (len(train), len(held_back)))


def drop(train: Sequence[Pair], report: Leakage) -> list[Pair]:
    """The training pairs without those of the report."""
    leaking = {finding.train for finding in report.findings}
    return [pair for pair in train if pair.id not in leaking]


def check(train: Sequence[Pair], report: Leakage, mode: Literal["stop", "drop", "allow"]) -> list[Pair]:
    """The pairs to train on. Raises InputError: `stop` and there are findings, or `drop` and nothing is left."""
    if not report.findings or mode == "allow":
        return list(train)
    leaking = len({finding.train for finding in report.findings})
    if mode == "stop":
        kinds = ", ".join(f"{count} by {kind}" for kind, count in sorted(report.counts.items()))
        shown = "\n".join(
            f"  {finding.train} = {finding.held_back} ({finding.kind}, {finding.score:.2f})" for finding in report.findings[:SHOWN]
        )
        more = len(report.findings) - SHOWN
        rest = f"\n  ... and {more} more" if more > 0 else ""
        raise UserError(
            f"{leaking} of {len(train)} training questions are held back for testing, too ({kinds}).",
            f"Leave them out: --set train.leakage=drop; or train all the same: --set train.leakage=allow.\n{shown}{rest}",
        )
    kept = drop(train, report)
    if not kept:
        raise InputError(f"All {len(train)} training questions are held back for testing, too.", "Split them by document.")
    return kept


def _text(pair: Pair) -> str:
    return " ".join([*(turn.content for turn in pair.history if turn.role == "user"), pair.question])


def _exact(train: Sequence[Pair], held_back: Sequence[Pair]) -> Iterator[Finding]:
    by_words: dict[str, list[str]] = defaultdict(list)
    for pair in held_back:
        by_words[" ".join(words(_text(pair)))].append(pair.id)
    for pair in train:
        for other in by_words.get(" ".join(words(_text(pair))), []):
            yield Finding(pair.id, other, "exact", 1.0)


def _ngrams(train: Sequence[Pair], held_back: Sequence[Pair], *, jaccard: float, containment: float) -> Iterator[Finding]:
    """By an inverted index: only questions that share a 3-gram are compared."""
    theirs = [trigrams(_text(pair)) for pair in held_back]
    holding: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, grams in enumerate(theirs):
        for gram in grams:
            holding[gram].append(number)
    for pair in train:
        ours = trigrams(_text(pair))
        for number, shared in Counter(number for gram in ours for number in holding.get(gram, [])).items():
            similarity = shared / (len(ours) + len(theirs[number]) - shared)
            shorter = min(len(ours), len(theirs[number]))
            contained = shared / shorter if shorter >= CONTAINED else 0.0
            if similarity >= jaccard or contained >= containment:
                yield Finding(pair.id, held_back[number].id, "n-gram", max(similarity, contained))


def trigrams(text: str) -> frozenset[tuple[str, ...]]:
    """Word 3-grams; a shorter text is one gram of all its words."""
    found = words(text)
    return frozenset(tuple(found[start : start + 3]) for start in range(max(1, len(found) - 2)))


def _cosines(train: Sequence[Pair], held_back: Sequence[Pair], embed: Embed, threshold: float) -> Iterator[Finding]:
    theirs = embed([_text(pair) for pair in held_back])
    ours = embed([_text(pair) for pair in train])
    for start in range(0, len(train), ROWS):
        cosines = ours[start : start + ROWS] @ theirs.T
        for row, column in np.argwhere(cosines >= threshold):
            yield Finding(train[start + int(row)].id, held_back[int(column)].id, "embedding", float(cosines[row, column]))


def _documents(train: Sequence[Pair], held_back: Sequence[Pair]) -> Iterator[Finding]:
    """By the first document: the one that a question was written for; others of `docs` may hold its answer by chance."""
    theirs: dict[str, str] = {}
    for pair in held_back:
        if pair.docs:
            theirs.setdefault(work(pair.docs[0]), pair.id)
    for pair in train:
        if pair.docs and work(pair.docs[0]) in theirs:
            yield Finding(pair.id, theirs[work(pair.docs[0])], "document", 1.0)
