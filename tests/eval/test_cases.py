"""Cases from every format, checked as a whole; gold spans found in text, however it is split."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.cases.read import read_cases, spread
from eval.cases.spans import find_passages, locate
from eval.types import Case
from rag.errors import InputError
from rag.qa import Pair
from rag.types import Document, Message

TEXT = "Paris lies on the Seine.  It has\ntwo airports. Its oldest bridge is the Pont Neuf."
PARAGRAPH = "Paris lies on the Seine. It has two airports. Its oldest bridge is the Pont Neuf."


def written(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return path


def squad(*asked: dict[str, Any]) -> dict[str, Any]:
    return {"version": "2.0", "data": [{"title": "Paris", "paragraphs": [{"context": PARAGRAPH, "qas": list(asked)}]}]}


def test_jsonl_keeps_everything_and_says_where_it_stands(tmp_path: Path) -> None:
    row = {
        "id": "a",
        "question": "Where?",
        "answers": ["Paris"],
        "docs": ["en/a.md"],
        "gold": [{"doc": "en/a.md", "span": "in Paris"}],
        "lang": "en",
        "kind": "fact",
        "tags": ["place", "easy", "place"],
        "history": [{"role": "user", "text": "Hi"}],
    }
    (case,) = read_cases([written(tmp_path / "qa.jsonl", "\n" + json.dumps(row) + "\n")])
    assert case.pair == Pair(
        "a", "Where?", ("Paris",), ("en/a.md",), (("en/a.md", "in Paris"),), True, "en", "fact", (Message("user", "Hi"),)
    )
    assert case.tags == ("place", "easy") and case.origin == f"{tmp_path / 'qa.jsonl'}:2"


def test_csv_is_the_same_as_jsonl(tmp_path: Path) -> None:
    table = (
        "Question;answers;docs;span;lang;tags;answerable\n"
        "Where?;Paris|the city of Paris;en/a.md|ru/a.md;in Paris;en;place;\n"
        '"Which\nsign?";a \\| b;;;en;;yes\n'
        "Who?;;;;ru;;no\n"
    )
    one, two, three = read_cases([written(tmp_path / "qa.csv", table)])
    assert one.pair.answers == ("Paris", "the city of Paris") and one.pair.docs == ("en/a.md", "ru/a.md")
    assert one.pair.gold == (("en/a.md", "in Paris"),) and one.tags == ("place",) and one.origin.endswith("qa.csv:2")
    assert two.pair.question == "Which\nsign?" and two.pair.answers == ("a | b",) and two.origin.endswith(":3")
    assert not three.pair.answerable and three.pair.language == "ru" and three.origin.endswith(":5")


def test_squad_questions_find_their_document_by_its_words(tmp_path: Path) -> None:
    answered = {"id": "s1", "question": "How many airports?", "answers": [{"text": "two", "answer_start": PARAGRAPH.index("two")}] * 2}
    unanswerable = {"id": "s2", "question": "Who built it?", "answers": [], "is_impossible": True}
    file = written(tmp_path / "squad.json", squad(answered, unanswerable))
    documents = (Document("other.md", "Nothing here."), Document("paris.md", f"# Paris\n\n{TEXT}"))
    one, two = read_cases([file], lambda: documents)
    assert one.pair.answers == ("two",) and one.pair.docs == ("paris.md",)
    ((path, span),) = one.pair.gold
    place = locate(documents[1].text, span)
    assert path == "paris.md" and place is not None and "two airports" in documents[1].text[slice(*place)] and "Seine" not in span
    assert not two.pair.answerable and two.pair.docs == () and two.origin.endswith("data[0].paragraphs[0].qas[1]")
    assert read_cases([file])[0].pair.docs == ()


@pytest.mark.parametrize("bad", ['{"a": 1}', '{"data": 3}', "[1]", "no"])
def test_a_json_file_that_is_not_squad_says_what_would_be(tmp_path: Path, bad: str) -> None:
    with pytest.raises(InputError, match=r"not the SQuAD format.*\.jsonl"):
        read_cases([written(tmp_path / "x.json", bad)])


def test_every_problem_of_every_file_is_named_at_once(tmp_path: Path) -> None:
    lines = written(tmp_path / "a.jsonl", '{"question": ""}\nnot json\n{"question": "Q?", "answers": ["x"], "tags": "y"}\n')
    table = written(tmp_path / "b.csv", "question,answers,answerable\nQ?,x,perhaps\nQ?,x,yes,more\n")
    headless = written(tmp_path / "c.csv", "ask,answer\nQ?,x\n")
    article = written(tmp_path / "d.json", {"data": [{"paragraphs": [{"qas": [{}]}]}]})
    with pytest.raises(InputError) as raised:
        read_cases([lines, table, headless, article])
    said = str(raised.value)
    assert "7 rows" in said
    assert "a.jsonl:1: `question`" in said and "a.jsonl:2: not JSON" in said and "a.jsonl:3: `tags`" in said
    assert "b.csv:2: `answerable`" in said and "b.csv:3: more fields" in said
    assert "c.csv:1: no column `question`; there are: ask, answer" in said and "d.json:data[0].paragraphs[0]: " in said


def test_files_that_are_not_there_or_hold_nothing_are_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"There is no file .*a\.jsonl and no file .*b\.csv"):
        read_cases([tmp_path / "a.jsonl", tmp_path / "b.csv"])
    with pytest.raises(InputError, match="No QA pairs in"):
        read_cases([written(tmp_path / "empty.jsonl", "\n")])


def test_a_row_without_an_id_is_the_same_case_when_the_file_grows(tmp_path: Path) -> None:
    row = '{"question": "Where?", "answers": ["Paris"]}\n'
    before = read_cases([written(tmp_path / "a.jsonl", row)])
    after = read_cases([written(tmp_path / "b.jsonl", '{"question": "Who?", "answers": ["I"]}\n' + row + row)])
    assert before[0].id == after[1].id and len(after) == 2


def test_an_id_of_two_questions_is_a_problem(tmp_path: Path) -> None:
    rows = '{"id": "a", "question": "Where?", "answers": ["Paris"]}\n{"id": "a", "question": "Who?", "answers": ["I"]}\n'
    with pytest.raises(InputError, match=r":2: the id 'a' belongs to another question"):
        read_cases([written(tmp_path / "a.jsonl", rows)])


@given(st.integers(1, 60), st.integers(0, 70), st.integers(0, 9))
def test_a_limit_takes_so_many_different_cases_in_order_from_all_over_the_file(count: int, limit: int, seed: int) -> None:
    cases = [Case(Pair(str(number), f"{number}?")) for number in range(count)]
    chosen = spread(cases, limit, seed=seed)
    places = [int(case.id) for case in chosen]
    assert len(chosen) == (min(limit, count) or count)
    assert places == sorted(set(places))
    assert not 1 < len(places) < count or max(b - a for a, b in pairwise(places)) <= count / len(places) + 1


words = st.lists(st.text(st.characters(categories=("L", "N", "P")), min_size=1, max_size=5), min_size=1, max_size=30)
blanks = st.sampled_from([" ", "\n", "  \t", "\n\n"])


@given(words, st.data())
def test_a_span_is_found_whatever_the_blanks(sample: list[str], data: st.DataObject) -> None:
    text = "".join(word + data.draw(blanks) for word in sample)
    first = data.draw(st.integers(0, len(sample) - 1))
    last = data.draw(st.integers(first, len(sample) - 1))
    found = locate(text, " ".join(sample[first : last + 1]))
    assert found is not None and text[slice(*found)].split() == sample[first : last + 1]
    passage = " ".join(sample)
    assert find_passages([passage], [Document("d", text)])[passage][0] == "d"


def test_a_span_that_is_not_there_is_not_found() -> None:
    assert locate(TEXT, "three airports") is None and locate(TEXT, "") is None
    assert find_passages(["three airports", "", "no such words at all in this or any other document"], [Document("d", TEXT)]) == {}
