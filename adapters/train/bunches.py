"""Examples whose prompts begin alike, as one row: the common beginning once, then what each goes on with.

Questions about the same passages share most of their prompt. No example sees another one's branch (adapters.train.attention), so
that loss and gradients are those of the single examples, for a fraction of the computation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from adapters.data.tokens import Encoded

WORTH_IT = 0.75
"""A row of several examples must have at most this share of their tokens: its attention is less regular, and so slower."""


@dataclass(frozen=True, slots=True)
class Branch:
    """Places in the row: the example goes on at `start`, its answer begins at `answer`, it ends before `end`."""

    start: int
    answer: int
    end: int

    @property
    def predicted(self) -> int:
        """The first place whose token is to be predicted; nothing predicts the first token of all."""
        return max(1, self.answer)


@dataclass(frozen=True, slots=True)
class Bunch:
    """One row: `ids[:shared]` is the beginning of all its examples; `tokens` counts those that single rows would have."""

    ids: tuple[int, ...]
    shared: int
    branches: tuple[Branch, ...]
    tokens: int

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def answer_tokens(self) -> int:
        return sum(branch.end - branch.predicted for branch in self.branches)


def single(example: Encoded) -> Bunch:
    """A row with one example, the beginning being everything before its first answer token."""
    return _joined([example], max(0, example.answer_start - 1))


def bunched(encoded: Sequence[Encoded], *, longest: int, most: int) -> list[Bunch]:
    """Rows of at most `longest` tokens and `most` examples; a single example may be longer. The order of the examples plays no part."""
    rows: list[Bunch] = []
    members: list[Encoded] = []
    shared = 0
    for example in sorted(encoded, key=lambda each: (each.ids, each.answer_start)):  # equal beginnings become neighbours
        common = min(_common(members[0].ids, example.ids, shared), example.answer_start - 1) if members else 0
        if members and len(members) < most and common > 0 and _pays([*members, example], common, longest):
            members.append(example)
            shared = common
            continue
        rows += [_joined(members, shared)] if members else []
        members, shared = [example], max(0, example.answer_start - 1)
    return rows + ([_joined(members, shared)] if members else [])


def positions(bunch: Bunch, length: int) -> Any:
    """Long (length,): the place of each token in its own example."""
    import torch

    found = torch.arange(length)
    for branch in bunch.branches:
        found[branch.start : branch.end] = torch.arange(bunch.shared, bunch.shared + branch.end - branch.start)
    return found


def _common(one: Sequence[int], other: Sequence[int], limit: int) -> int:
    """How many ids, at most `limit`, both begin with."""
    for place, (left, right) in enumerate(zip(one[:limit], other, strict=False)):
        if left != right:
            return place
    return min(limit, len(other))


def _pays(members: Sequence[Encoded], shared: int, longest: int) -> bool:
    row = shared + sum(len(each.ids) - shared for each in members)
    before = shared + sum(len(each.ids) - shared for each in members[:-1]) if len(members) > 2 else len(members[0].ids)
    return row <= longest and row <= WORTH_IT * (before + len(members[-1].ids))


def _joined(members: Sequence[Encoded], shared: int) -> Bunch:
    ids = list(members[0].ids[:shared])
    branches = []
    for each in members:
        start = len(ids)
        ids += each.ids[shared:]
        branches.append(Branch(start, start + each.answer_start - shared if each.answer_start else start, len(ids)))
    return Bunch(tuple(ids), shared, tuple(branches), sum(len(each.ids) for each in members))
