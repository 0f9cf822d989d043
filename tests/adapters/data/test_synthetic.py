"""Synthetic pairs: lenient reading, strict filters, nothing lost on a kill."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from adapters.data.filters import Drafted, Limits, known, parse, problem
from adapters.data.synthetic import SyntheticReport, request, synthesise
from rag.errors import InputError, ServerError
from rag.generate import scripted
from rag.generate.scripted import ScriptedGenerator
from rag.qa import read_pairs
from rag.types import Chunk, Message

PAGES = {
    "mill.md": "The mill stands on the hill above the river. It was built by Otto the miller. Today it is a museum of bread.",
    "inn.md": "The inn at the bridge has nine rooms. Its owner is a widow called Agnes, who bakes every morning before dawn.",
    "tower.md": "The tower of the town is crooked. It leans to the north because its ground is wet, as an architect found.",
    "short.md": "A heading only.",
}
REPLIES = {
    "mill.md": "Question: Who built the mill on the hill?\nAnswer: Otto the miller.",
    "inn.md": "**Question:** How many rooms does the inn at the bridge have?\n**Answer:** nine rooms",
    "tower.md": "Question: Why does the tower of the town lean to the north?\nAnswer: an earthquake",
}


def chunks() -> list[Chunk]:
    return [Chunk(f"id-{path}", path, 0, len(text), text, language="en") for path, text in PAGES.items()]


Answers = Callable[[Sequence[Message]], str]


@pytest.fixture
def scripted_to(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answers], None]:
    """What the scripted generator says from now on."""
    return lambda answer: monkeypatch.setattr(scripted, "answer", answer)


def writer(replies: dict[str, str], alone: str = "I cannot tell.") -> Answers:
    """Writes the reply for the page that is in the prompt; without a page it says `alone`."""

    def answer(messages: Sequence[Message]) -> str:
        for path, text in PAGES.items():
            if text in messages[-1].content:
                return replies[path]
        return alone

    return answer


def run(file: Path, generator: ScriptedGenerator | None = None, parts: Sequence[Chunk] | None = None) -> SyntheticReport:
    return asyncio.run(synthesise(parts or chunks(), generator or ScriptedGenerator(), file))


def test_pairs_that_pass_every_filter_are_read_by_the_reader_of_qa_pairs(tmp_path: Path, scripted_to: Callable[[Answers], None]) -> None:
    scripted_to(writer(REPLIES))
    file = tmp_path / "made" / "qa.jsonl"
    report = run(file)
    mill, inn = read_pairs([file])
    assert (mill.question, mill.answers) == ("Who built the mill on the hill?", ("Otto the miller",))
    assert mill.docs == ("mill.md",) and mill.gold == (("mill.md", "It was built by Otto the miller."),)
    assert inn.answers == ("nine rooms",) and inn.language == "en" and inn.answerable
    assert all(span in PAGES[path] for pair in (mill, inn) for path, span in pair.gold)
    assert report == SyntheticReport(2, 4, {"chunk too short": 1, "the answer is not in the passage": 1})


def test_what_the_model_answers_without_the_passage_is_left_out(tmp_path: Path, scripted_to: Callable[[Answers], None]) -> None:
    scripted_to(writer(REPLIES, alone="It has nine rooms, I believe."))
    report = run(tmp_path / "qa.jsonl")
    assert report.pairs == 1 and report.dropped["answerable without the passage"] == 1


def test_a_question_is_asked_once(tmp_path: Path, scripted_to: Callable[[Answers], None]) -> None:
    scripted_to(writer({**REPLIES, "inn.md": "Question: Who built the mill on the hill?\nAnswer: a widow called Agnes"}))
    assert run(tmp_path / "qa.jsonl").dropped["duplicate"] == 1


def test_a_run_that_was_cut_off_goes_on_and_ends_as_if_it_had_not_been(tmp_path: Path, scripted_to: Callable[[Answers], None]) -> None:
    scripted_to(writer(REPLIES))
    whole, cut = tmp_path / "whole.jsonl", tmp_path / "cut.jsonl"
    expected = run(whole)
    run(cut, parts=chunks()[:1])
    with pytest.raises(ServerError):
        run(cut, ScriptedGenerator(fail_after=1))
    for file in (cut, cut.with_name("cut.jsonl.work")):  # as a kill in the middle of a line leaves them
        file.write_text(file.read_text(encoding="utf-8") + '{"chunk": "ab', encoding="utf-8")
    asked: list[str] = []

    def listening(messages: Sequence[Message]) -> str:
        asked.append(messages[-1].content)
        return writer(REPLIES)(messages)

    scripted_to(listening)
    assert run(cut) == expected
    assert cut.read_bytes() == whole.read_bytes()
    assert not any(PAGES["mill.md"] in each for each in asked)
    asked.clear()
    assert run(cut) == expected and not asked


def test_a_file_from_elsewhere_is_not_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "qa.jsonl"
    file.write_text('{"question": "mine"}\n', encoding="utf-8")
    with pytest.raises(InputError, match="not from here"):
        run(file)
    assert "mine" in file.read_text(encoding="utf-8")


def test_the_request_is_in_the_language_of_the_chunk_and_the_passage_cannot_leave_its_fence() -> None:
    russian = Chunk("d", "a.md", 0, 9, "Мельница стоит. </document> Да.", language="ru")
    system, user = request(russian)
    assert "Вопрос: ..." in user.content and user.content.count("</document>") == 1
    assert system.role == "system"


@pytest.mark.parametrize(
    "reply",
    [
        "Question: Who built it?\nAnswer: Otto",
        "Sure! Here it is:\n\n**Question 1:** Who built it?\n\n**Short answer:** Otto.",
        '```json\n{"question": "Who built it?", "answer": "Otto"}\n```',
        '[{"Question": "Who built it?", "Answer": "Otto."}]',
        "Q: Who built it?\nA: «Otto»",
        "Вопрос: Who built it?\nОтвет: Otto",
        "Who built it?\nOtto",
    ],
)
def test_replies_are_read_leniently(reply: str) -> None:
    assert parse(reply) == [Drafted("Who built it?", "Otto")]


@pytest.mark.parametrize("reply", ["", "I cannot.", "Question: Who built it?", "{broken", '{"question": 3, "answer": "x"}'])
def test_a_reply_without_a_pair_gives_none(reply: str) -> None:
    assert parse(reply) == []


@pytest.mark.parametrize(
    ("question", "answer", "reason"),
    [
        ("Who built the mill on the hill?", "Otto the miller", ""),
        ("Who?", "Otto", "too short or too long"),
        ("Who built the mill on the hill?", "I don't know", "the answer is a refusal"),
        ("Who built the mill in the text?", "Otto", "speaks of the document"),
        ("Кто построил мельницу в этом документе?", "Otto", "speaks of the document"),
        ("What did Otto the miller build there?", "Otto the miller", "the question says the answer"),
        ("Who built the mill on the hill?", "a rich duke", "the answer is not in the passage"),
        ("Who built the mill on the hill?", "built by miller Otto", ""),
    ],
)
def test_each_filter_has_a_name(question: str, answer: str, reason: str) -> None:
    assert problem(Drafted(question, answer), PAGES["mill.md"], Limits()) == reason


def test_an_answer_is_known_when_the_reply_says_it_or_most_of_it() -> None:
    assert known("It was Otto the miller.", "Otto the miller") and known("miller Otto", "Otto the miller")
    assert not known("It was a duke, as far as anybody can tell.", "Otto the miller")
