"""Votes as data."""

from __future__ import annotations

import json
from pathlib import Path

from rag.context.prompt import build_messages
from rag.qa import read_pairs
from rag.types import Message, Source
from tests.ui.votes.cast import PASSAGE, cast, judged
from ui.votes.export import cases, preferences

HISTORY = (Message("user", "Before?"), Message("assistant", "Yes."))


def rows(lines: str) -> list[dict[str, list[dict[str, str]]]]:
    return [json.loads(line) for line in lines.splitlines()]


def said(row: dict[str, list[dict[str, str]]]) -> tuple[str, str]:
    return row["chosen"][0]["content"], row["rejected"][0]["content"]


def test_the_better_answer_is_chosen_over_each_other_one() -> None:
    found = rows(
        preferences(
            [cast(1, [judged("icl", "one"), judged("rag", "two"), judged("lora", "three"), judged("rag", "", state="failed")], "B")]
        )
    )
    assert [said(row) for row in found] == [("two", "one"), ("two", "three")]
    assert all(set(row) == {"prompt", "chosen", "rejected"} for row in found)
    assert all(row["chosen"][0]["role"] == row["rejected"][0]["role"] == "assistant" for row in found)
    assert [message["role"] for message in found[0]["prompt"]] == ["system", "user", "assistant", "user"]


def test_the_prompt_is_the_one_that_serving_makes() -> None:
    found = rows(preferences([cast(1, [judged("icl", "one"), judged("rag", "two")], "A")]))
    source = Source(1, (), PASSAGE.path, PASSAGE.document_id, PASSAGE.start, PASSAGE.end, PASSAGE.text, PASSAGE.header)
    served = build_messages("What scales the update?", style="full", sources=[source], history=HISTORY)
    assert found[0]["prompt"] == [{"role": message.role, "content": message.content} for message in served]
    plain = rows(preferences([cast(1, [judged("icl", "one"), judged("zero-shot", "two")], "A")]))
    assert PASSAGE.text not in json.dumps(plain)


def test_a_correction_is_chosen_over_what_was_said() -> None:
    found = rows(preferences([cast(1, [judged("rag", "wrong", correction=" right ")])]))
    assert [said(row) for row in found] == [("right", "wrong")]


def test_thumbs_make_pairs_only_without_a_vote() -> None:
    answers = [judged("icl", "one", thumb=1), judged("rag", "two", thumb=-1), judged("lora", "three")]
    assert [said(row) for row in rows(preferences([cast(1, answers)]))] == [("one", "two")]
    assert [said(row) for row in rows(preferences([cast(1, answers, "C")]))] == [("three", "one"), ("three", "two")]


def test_ties_equal_words_and_the_same_pair_again_teach_nothing() -> None:
    assert preferences([cast(1, [judged("icl", "one"), judged("rag", "two")], choice) for choice in ("tie", "bad")]) == ""
    assert preferences([cast(1, [judged("icl", "same"), judged("rag", " same")], "A")]) == ""
    twice = [cast(number, [judged("icl", "one"), judged("rag", "two")], "A") for number in (1, 2)]
    assert len(rows(preferences(twice))) == 1


def test_corrected_answers_are_questions_that_the_evaluation_reads(tmp_path: Path) -> None:
    records = [
        cast(1, [judged("icl", correction="alpha\u2028/ rank"), judged("rag", correction="alpha / r")]),
        cast(2, [judged("rag", correction="I don't know.")], question="Who won in 1998?"),
        cast(3, [judged("rag", correction="нет")], question="Меняет ли ICL веса?"),
        cast(4, [judged("rag", thumb=-1)]),
    ]
    file = tmp_path / "cases.jsonl"
    file.write_text(cases(records), encoding="utf-8")
    first, second, third = read_pairs([file])
    assert (first.question, first.answers, first.answerable) == ("What scales the update?", ("alpha\u2028/ rank", "alpha / r"), True)
    assert first.history == HISTORY
    assert (second.answers, second.answerable) == ((), False)
    assert (third.language, third.id) == ("ru", "vote-id3")


def test_no_votes_are_no_lines() -> None:
    assert preferences([]) == cases([]) == ""
