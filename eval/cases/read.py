"""Reading cases: several files of any format, checked row by row, every problem named at once."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from eval.cases.rows import Row, Unreadable, rows_of
from eval.cases.spans import find_passages
from eval.types import Case
from rag.errors import InputError
from rag.qa import SHOWN, pair_of
from rag.types import Document, content_id

Documents = Callable[[], Iterable[Document]]
"""The documents of the corpus; asked for only when a file needs them (SQuAD, whose paragraphs have no paths)."""


@dataclass(frozen=True, slots=True)
class _Found:
    case: Case
    row: Row


def read_cases(paths: Sequence[Path], documents: Documents = tuple) -> tuple[Case, ...]:
    """The cases of all files, in order; the same question with the same answers counts once.

    A row without an id is named by its content, so that it is the same case when the file grows. SQuAD paragraphs are looked
    for in `documents`: where one is found, its document and the answer's sentence become gold.
    Raises InputError naming every bad row (file:place: what), a file that cannot be read, or that there are no cases.
    """
    if absent := [str(path) for path in paths if not path.is_file()]:
        raise InputError(f"There is no file {' and no file '.join(absent)}.", "Give JSONL, CSV or SQuAD files: --qa FILE")
    problems: list[str] = []
    found: dict[str, _Found] = {}
    for path in paths:
        for each in _read(path, problems):
            known = found.setdefault(each.case.id, each)
            if replace(known.case, origin="") != replace(each.case, origin=""):
                problems.append(f"{each.case.origin}: the id {each.case.id!r} belongs to another question already")
    if problems:
        more = f"\n... and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        what = f"{len(problems)} rows of QA pairs cannot be used:\n" + "\n".join(problems[:SHOWN]) + more
        raise InputError(what, "Mend them and try again.")
    if not found:
        named = ", ".join(map(str, paths)) or "no file at all"
        raise InputError(f"No QA pairs in {named}.", "Give a JSONL, CSV or SQuAD file: --qa FILE.")
    return _placed(list(found.values()), documents)


def spread(cases: Sequence[Case], limit: int, *, seed: int = 0) -> tuple[Case, ...]:
    """`limit` cases at equal distances (all when 0), so that a part of a sorted file stands for the whole; `seed` says where to begin."""
    if limit <= 0 or limit >= len(cases):
        return tuple(cases)
    step = len(cases) / limit
    begin = random.Random(seed).random() * step
    return tuple(cases[int(begin + number * step)] for number in range(limit))


def _read(path: Path, problems: list[str]) -> list[_Found]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as exc:
        problems.append(f"{path}: not UTF-8 (byte {exc.start})")
        return []
    except OSError as exc:
        problems.append(f"{path}: {exc.strerror or exc}")
        return []
    found = []
    for row in rows_of(path.name, text):
        if isinstance(row, Unreadable):
            problems.append(f"{path}:{row}" if row.place else f"{path}: {row}")
            continue
        try:
            found.append(_Found(_case(path, row), row))
        except ValueError as exc:
            problems.append(f"{path}:{row.place}: {exc}")
    return found


def _case(path: Path, row: Row) -> Case:
    """Raises ValueError listing everything wrong with the row."""
    values = row.values if isinstance(row.values, dict) else {}
    tags = values.get("tags") or []
    wrong = (
        [] if isinstance(tags, list) and all(isinstance(tag, str) and tag.strip() for tag in tags) else ["`tags` must be a list of words"]
    )
    try:
        pair = pair_of(row.values, default_id=content_id(str(values.get("question")), str(values.get("answers")), row.paragraph))
    except ValueError as exc:
        raise ValueError("; ".join([str(exc), *wrong])) from exc
    if any("\ud800" <= letter <= "\udfff" for letter in pair.question):
        wrong.append("`question` holds half a character (a lone surrogate)")
    if wrong:
        raise ValueError("; ".join(wrong))
    return Case(pair, tuple(dict.fromkeys(tags)), f"{path}:{row.place}")


def _placed(found: Sequence[_Found], documents: Documents) -> tuple[Case, ...]:
    """With the documents of SQuAD's paragraphs, as far as the corpus holds them."""
    paragraphs = {each.row.paragraph for each in found if each.row.paragraph and not each.case.pair.docs}
    places = find_passages(paragraphs, documents()) if paragraphs else {}
    cases = []
    for case, row in ((each.case, each.row) for each in found):
        if row.paragraph in places and not case.pair.docs:
            path = places[row.paragraph][0]
            gold = tuple((path, span.strip()) for span in row.spans)
            docs = (path,) if case.pair.answerable else ()
            case = replace(case, pair=replace(case.pair, docs=docs, gold=gold))
        cases.append(case)
    return tuple(cases)
