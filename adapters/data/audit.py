"""What QA files hold, line by line: questions that are there twice, gold that is not in the documents, what two files share."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.data.leakage import Leakage, leakage
from rag.qa import Pair, pair_of, read_pairs

if TYPE_CHECKING:
    from adapters.data.leakage import Embed


@dataclass(frozen=True, slots=True)
class Row:
    """A pair and the line that it stands on; `text`: the line itself."""

    file: Path
    line: int
    pair: Pair
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Repeat:
    """A row that asks what an earlier one (`first`) asks. `conflicting`: in the same words, and the answers differ."""

    row: Row
    first: Row
    exact: bool
    conflicting: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """Of one file. `gold`: answerable pairs whose span is known; `kinds` and `languages`: name -> pairs ("-" where it is not said)."""

    pairs: int
    answerable: int
    gold: int
    kinds: Mapping[str, int]
    languages: Mapping[str, int]


def read_rows(files: Sequence[Path]) -> list[Row]:
    """Every row of the files in order, repeated ones too. Raises InputError naming every bad line, as `read_pairs` does."""
    read_pairs(files)
    rows = []
    for file in files:
        for number, line in enumerate(file.read_text(encoding="utf-8-sig").split("\n"), start=1):
            if line.strip():
                rows.append(Row(file, number, pair_of(json.loads(line), default_id=f"{file.name}:{number}"), line))
    return rows


def counts(rows: Sequence[Row]) -> Counts:
    """Of these rows."""
    pairs = [row.pair for row in rows]
    return Counts(
        len(pairs),
        sum(pair.answerable for pair in pairs),
        sum(bool(pair.gold) for pair in pairs if pair.answerable),
        dict(sorted(Counter(pair.kind or "-" for pair in pairs).items())),
        dict(sorted(Counter(pair.language if pair.language != "und" else "-" for pair in pairs).items())),
    )


def repeats(rows: Sequence[Row]) -> list[Repeat]:
    """Rows whose question an earlier one asks, in equal words or nearly so (word 3-grams); of several the first is named."""
    found: dict[int, Repeat] = {}
    first: dict[str, int] = {}
    for number, row in enumerate(rows):
        if row.pair.id in first:  # read_pairs has made sure that it is the same row
            found[number] = Repeat(row, rows[first[row.pair.id]], exact=True, conflicting=False)
        first.setdefault(row.pair.id, number)
    pairs = [rows[number].pair for number in first.values()]
    for finding in sorted(leakage(pairs, pairs).findings, key=lambda each: first[each.held_back]):
        number, earlier = first[finding.train], first[finding.held_back]
        if finding.kind != "document" and earlier < number and number not in found:
            row, before, exact = rows[number], rows[earlier], finding.kind == "exact"
            found[number] = Repeat(row, before, exact=exact, conflicting=exact and not _agree(row.pair, before.pair))
    return [found[number] for number in sorted(found)]


def astray(rows: Sequence[Row], texts: Mapping[str, Sequence[str]]) -> list[tuple[Row, str]]:
    """Answerable rows whose documents are not among `texts` (path -> the texts at it), or whose span is not in them word for word."""
    found = []
    for row in rows:
        missing = [path for path in row.pair.docs if path not in texts]
        if missing:
            found.append((row, f"no document {missing[0]}"))
            continue
        lost = [span for path, span in row.pair.gold if not any(_squeezed(span) in _squeezed(text) for text in texts.get(path, ()))]
        if lost:
            found.append((row, f"the span is not in its document: {lost[0]}"))
    return found


def shared(rows: Sequence[Row], others: Sequence[Row], embed: Embed | None) -> Leakage:
    """What the rows have in common with others that are held back; see `adapters.data.leakage`."""
    return leakage(list(_unique(rows).values()), list(_unique(others).values()), embed)


def _unique(rows: Sequence[Row]) -> dict[str, Pair]:
    return {row.pair.id: row.pair for row in rows}


def _agree(one: Pair, other: Pair) -> bool:
    """Whether one accepted answer of either is the other's, too; both unanswerable agree."""
    ours, theirs = ({_squeezed(answer).casefold() for answer in pair.answers} for pair in (one, other))
    return bool(ours & theirs) or not (ours or theirs)


def _squeezed(text: str) -> str:
    return " ".join(text.split())
