"""The split into training and validation: by groups of documents, never by question."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from adapters.data.matching import words
from rag.errors import InputError
from rag.index.words import STEMMERS
from rag.qa import Pair
from rag.types import content_id

LANGUAGES = frozenset(language for by_language in STEMMERS.values() for language in by_language)
NUMBER = re.compile(r"[-_.:#]?\d+\Z")
LANGUAGE = re.compile(r"[-_.]([a-z]{2})\Z")
NEAR = ("near", "related_doc")
"""Fields of an unanswerable row that name the page it lies close to."""


@dataclass(frozen=True, slots=True)
class Split:
    """Both in the order in which the pairs came. `works`: how many groups the answerable pairs of `validation` are of."""

    train: tuple[Pair, ...]
    validation: tuple[Pair, ...]
    works: int


def split(pairs: Sequence[Pair], share: float, seed: int, *, near: Mapping[str, str] | None = None) -> Split:
    """Hold back groups until they have about `share` of the pairs; both sides get at least one group.

    `near`: pair id -> page, for unanswerable pairs (see `near_pages`). Groups are taken in an order drawn from `seed`; one that
    would exceed the share is passed over, so a corpus with one huge work keeps it in training. The order of `pairs` does not
    matter. Raises InputError when all pairs are one group.
    """
    found = groups(pairs, near=near)
    members: dict[str, int] = {}
    for group in found.values():
        members[group] = members.get(group, 0) + 1
    if len(members) < 2:
        raise InputError(
            f"All {len(pairs)} QA pairs ask about the same documents, so none can be held back for validation.",
            "Add pairs about another document.",
        )
    drawn = sorted(members, key=lambda group: content_id("split", str(seed), group))
    budget = share * len(pairs)
    held: set[str] = set()
    for group in drawn:
        if members[group] <= budget and len(held) < len(members) - 1:
            held.add(group)
            budget -= members[group]
    held = held or {min(drawn, key=lambda group: members[group])}
    validation = tuple(pair for pair in pairs if found[pair.id] in held)
    return Split(
        tuple(pair for pair in pairs if found[pair.id] not in held),
        validation,
        len({found[pair.id] for pair in validation if pair.answerable}),
    )


def groups(pairs: Sequence[Pair], *, near: Mapping[str, str] | None = None) -> dict[str, str]:
    """Pair id -> name of its group. Pairs are in one group when a chain of shared works or equal questions joins them.

    Turns of one conversation are together, too. A pair without documents is joined to the work of its `near` page, else to
    the work that its id names (`lora-en-09`), else it stands alone.
    """
    near = near or {}
    known = {work(path) for pair in pairs for path in pair.docs} | {work(path) for path in near.values()}
    union = _Union()
    for pair in pairs:
        union.join(f"pair {pair.id}", f"asked {' '.join(words(_opening(pair)))}")
        for path in pair.docs or ([near[pair.id]] if pair.id in near else []):
            union.join(f"pair {pair.id}", f"work {work(path)}")
        named = _named_work(pair.id)
        if not pair.docs and pair.id not in near and named in known:
            union.join(f"pair {pair.id}", f"work {named}")
    first: dict[str, str] = {}
    for name in sorted(pair.id for pair in pairs):
        first.setdefault(union.root(f"pair {name}"), name)
    return {pair.id: first[union.root(f"pair {pair.id}")] for pair in pairs}


def work(path: str) -> str:
    """What a document is a piece or a translation of: `ru/lora.md` and `en/lora.md` are `lora`, `Normans__07.md` is `Normans`."""
    parts = [part for part in PurePosixPath(path).parts[:-1] if part not in LANGUAGES]
    name = PurePosixPath(path).name
    stem = name.partition("__")[0] or name
    return "/".join([*parts, _without_language(PurePosixPath(stem).stem)])


def near_pages(files: Iterable[Path]) -> dict[str, str]:
    """Pair id -> the page that an unanswerable row lies close to, from files that `read_pairs` has accepted."""
    found = {}
    for file in files:
        for number, line in enumerate(file.read_text(encoding="utf-8-sig").split("\n"), start=1):
            row = json.loads(line) if line.strip() else {}
            page = next((row[key] for key in NEAR if isinstance(row.get(key), str)), None)
            if page is not None:
                found[str(row.get("id") or f"{file.name}:{number}")] = page
    return found


def _opening(pair: Pair) -> str:
    """The first question of the conversation."""
    return next((turn.content for turn in pair.history if turn.role == "user"), pair.question)


def _named_work(pair_id: str) -> str:
    return _without_language(NUMBER.sub("", pair_id))


def _without_language(name: str) -> str:
    found = LANGUAGE.search(name)
    return name[: found.start()] if found and found[1] in LANGUAGES else name


class _Union:
    """Sets that grow together (Tarjan 1975), without ranks: the sets are small."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def root(self, name: str) -> str:
        parent = self._parent.setdefault(name, name)
        while parent != name:
            self._parent[name] = self._parent[parent]
            name, parent = parent, self._parent[parent]
        return name

    def join(self, one: str, other: str) -> None:
        self._parent[self.root(one)] = self.root(other)
