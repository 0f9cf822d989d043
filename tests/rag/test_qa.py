"""QA pairs are read whole, or every bad line is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rag.errors import InputError
from rag.qa import Pair, read_pairs
from rag.types import Message

GOOD = {"id": "1", "question": "Why?", "answers": ["because"], "doc": "a.md", "docs": ["a.md", "b.md"], "answerable": True, "lang": "en"}


def write(file: Path, *rows: object) -> Path:
    file.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows) + "\n", encoding="utf-8")
    return file


def test_a_row_with_everything_becomes_a_pair(tmp_path: Path) -> None:
    row = {**GOOD, "kind": "fact", "gold": [{"doc": "a.md", "span": "for this reason"}], "history": [{"role": "agent", "text": "Hello."}]}
    (pair,) = read_pairs([write(tmp_path / "qa.jsonl", row)])
    gold, history = (("a.md", "for this reason"),), (Message("assistant", "Hello."),)
    assert pair == Pair("1", "Why?", ("because",), ("a.md", "b.md"), gold, True, "en", "fact", history)


def test_every_bad_line_is_named_at_once_with_all_that_is_wrong_with_it(tmp_path: Path) -> None:
    file = write(
        tmp_path / "qa.jsonl", GOOD, "{broken", [1], {"question": " ", "answers": "no list"}, {**GOOD, "id": "2", "history": "none"}
    )
    with pytest.raises(InputError) as caught:
        read_pairs([file, tmp_path / "absent.jsonl"])
    said = str(caught.value)
    assert f"{file}:1" not in said
    for words in (
        f"{file}:2: not JSON",
        f"{file}:3: a JSON object",
        f"{file}:4: `question`",
        "`answers` must be a list",
        f"{file}:5: `history`",
    ):
        assert words in said
    assert "absent.jsonl" in said


@pytest.mark.parametrize(
    "change",
    [{"answers": []}, {"answerable": False}, {"answerable": "yes"}, {"docs": [1]}, {"gold": [{"doc": "a.md"}]}, {"answers": [""]}],
)
def test_a_contradiction_or_a_wrong_type_is_a_bad_line(tmp_path: Path, change: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r"qa\.jsonl:1"):
        read_pairs([write(tmp_path / "qa.jsonl", {**GOOD, **change})])


def test_the_same_row_in_two_files_counts_once_and_another_row_of_that_id_is_an_error(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a.jsonl", GOOD), write(tmp_path / "b.jsonl", GOOD)
    assert len(read_pairs([first, second])) == 1
    write(second, {**GOOD, "question": "How?"})
    with pytest.raises(InputError, match="belongs to another question"):
        read_pairs([first, second])


def test_unanswerable_rows_and_rows_without_an_id_are_pairs(tmp_path: Path) -> None:
    nothing: dict[str, object] = {"question": "Who knows?", "answers": [], "doc": None, "docs": [], "answerable": False}
    (pair,) = read_pairs([write(tmp_path / "qa.jsonl", nothing)])
    assert (pair.id, pair.answerable, pair.docs) == ("qa.jsonl:1", False, ())


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No QA pairs"):
        read_pairs([write(tmp_path / "qa.jsonl", "")])
