"""What a look at QA files finds: repeated questions, gold that is not there, what two files share - each by its line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.data.audit import astray, counts, read_rows, repeats, shared
from rag.errors import InputError


def write(file: Path, *rows: dict[str, Any]) -> Path:
    file.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n", encoding="utf-8")
    return file


def row(question: str, answer: str = "nine", **more: Any) -> dict[str, Any]:
    return {"question": question, "answers": [answer] if answer else [], "docs": ["inn.md"], "lang": "en", **more}


def test_bad_lines_are_named_by_their_numbers(tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", row("Who?"), {"question": ""}, row("How?"), {"question": "Why?", "answers": "because"})
    with pytest.raises(InputError, match=r"a\.jsonl:2: (.|\n)*a\.jsonl:4: "):
        read_rows([file])


def test_pairs_are_counted_by_kind_and_language(tmp_path: Path) -> None:
    gold: dict[str, Any] = {"gold": [{"doc": "inn.md", "span": "x"}]}
    rows = read_rows([write(tmp_path / "a.jsonl", row("Who?", kind="fact", **gold), row("Кто?", lang="ru"), row("Why?", ""))])
    found = counts(rows)
    assert (found.pairs, found.answerable, found.gold) == (3, 2, 1)
    assert found.kinds == {"-": 2, "fact": 1} and found.languages == {"en": 2, "ru": 1}


def test_a_question_that_is_there_twice_is_named_with_both_lines(tmp_path: Path) -> None:
    long = "How many rooms does the inn at the old stone bridge have in all"
    first = write(
        tmp_path / "a.jsonl", row("Who built the mill?", "Otto"), row(f"{long}?"), row("Who built the MILL", "Otto", kind="other")
    )
    second = write(tmp_path / "b.jsonl", row("Who built the mill?", "a duke"), row(f"{long} today?"), row("Which river is it?"))
    found = [(str(each.row), str(each.first), each.exact, each.conflicting) for each in repeats(read_rows([first, second]))]
    assert found == [
        (f"{first}:3", f"{first}:1", True, False),
        (f"{second}:1", f"{first}:1", True, True),
        (f"{second}:2", f"{first}:2", False, False),
    ]


def test_the_same_row_twice_is_a_repeat(tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", row("Who?", id="x"), row("How?"), row("Who?", id="x"))
    (found,) = repeats(read_rows([file]))
    assert (found.row.line, found.first.line, found.exact) == (3, 1, True)


def test_gold_that_is_not_in_the_documents_is_named(tmp_path: Path) -> None:
    texts = {"inn.md": ["The inn\nhas nine  rooms."], "table.csv": ["one", "two"]}
    rows = read_rows(
        [
            write(
                tmp_path / "a.jsonl",
                row("Who?", gold=[{"doc": "inn.md", "span": "The inn has nine rooms."}]),
                row("How?", gold=[{"doc": "inn.md", "span": "ten rooms"}]),
                row("Why?", docs=["gone.md"]),
                row("Where?", "two", docs=["table.csv"], gold=[{"doc": "table.csv", "span": "two"}]),
                row("Never?", "", docs=[]),
            )
        ]
    )
    assert [(each.line, why) for each, why in astray(rows, texts)] == [
        (2, "the span is not in its document: ten rooms"),
        (3, "no document gone.md"),
    ]


def test_what_two_files_share_is_found(tmp_path: Path) -> None:
    ours = read_rows([write(tmp_path / "a.jsonl", row("Who built the mill?", docs=["a.md"]), row("Which river is it?", docs=["b.md"]))])
    theirs = read_rows([write(tmp_path / "t.jsonl", row("Who built the mill?", docs=["c.md"]), row("What is it?", docs=["b.md"]))])
    assert shared(ours, theirs, None).counts == {"exact": 1, "document": 1}
