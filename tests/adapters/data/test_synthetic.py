"""Synthetic pairs: lenient reading, strict filters, nothing lost on a kill."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from adapters.data.filters import Drafted, Limits, known, parse, problem
from adapters.data.recipes.recipe import Material
from adapters.data.synthetic import IN_FLIGHT, KIND, SyntheticRecipe, SyntheticReport, request, synthesise
from rag.errors import InputError, ServerError
from rag.generate import scripted
from rag.generate.generator import Usage
from rag.generate.scripted import ScriptedGenerator
from rag.qa import read_pairs
from rag.types import Chunk, Decoding, Message
from tests.adapters.data.towns import pair

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


def run(file: Path, generator: ScriptedGenerator | None = None, parts: Sequence[Chunk] | None = None, **named: Any) -> SyntheticReport:
    return asyncio.run(synthesise(parts or chunks(), generator or ScriptedGenerator(), file, **named))


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


def towns(count: int) -> list[Chunk]:
    texts = [
        f"The town of Amber{n} lies on a river of its own. It was founded in the year {1000 + n} by people from the hills."
        for n in range(count)
    ]
    return [Chunk(f"id-{n}", f"town{n}.md", 0, len(text), text, language="en") for n, text in enumerate(texts)]


def founding(messages: Sequence[Message]) -> str:
    asked = messages[-1].content
    name = next((word for word in asked.split() if word.startswith("Amber")), "")
    year = 1000 + int(name.removeprefix("Amber")) if name else 0
    return (
        f"Question: In which year was the town of {name} founded by the hill people?\nAnswer: {year}"
        if "<document" in asked
        else "No idea."
    )


def test_every_row_says_that_it_is_synthetic_and_who_wrote_it(tmp_path: Path, scripted_to: Callable[[Answers], None]) -> None:
    scripted_to(writer(REPLIES))
    run(tmp_path / "qa.jsonl", ScriptedGenerator(model="some-model"))
    rows = [json.loads(line) for line in (tmp_path / "qa.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 2
    assert all(row["kind"] == KIND and "synthetic" in row["source"] and "some-model" in row["source"] for row in rows)


def test_a_model_in_a_folder_goes_by_its_name_not_by_its_path(tmp_path: Path, scripted_to: Callable[[Answers], None]) -> None:
    scripted_to(writer(REPLIES))
    (tmp_path / "secret" / "my-model").mkdir(parents=True)
    run(tmp_path / "qa.jsonl", ScriptedGenerator(model=str(tmp_path / "secret" / "my-model")))
    written = "".join(path.read_text(encoding="utf-8") for path in tmp_path.glob("qa.jsonl*"))
    assert "my-model" in written and "secret" not in written


def test_pairs_of_two_models_are_not_mixed_in_one_file(tmp_path: Path, scripted_to: Callable[[Answers], None]) -> None:
    scripted_to(writer(REPLIES))
    run(tmp_path / "qa.jsonl", ScriptedGenerator(model="one"))
    with pytest.raises(InputError, match="begun by one, and now it would be two"):
        run(tmp_path / "qa.jsonl", ScriptedGenerator(model="two"))


def test_it_ends_with_the_count_and_goes_on_when_more_are_wanted(tmp_path: Path, scripted_to: Callable[[Answers], None]) -> None:
    scripted_to(founding)
    file, seen = tmp_path / "qa.jsonl", list[tuple[int, int]]()
    report = run(file, parts=towns(60), count=5, progress=lambda _, done, total: seen.append((done, total)))
    assert report.pairs == 5 == len(read_pairs([file])) and seen[0] == (0, 5) and seen[-1] == (5, 5)
    again = run(file, parts=towns(60), count=5)
    assert again == report
    assert run(file, parts=towns(60), count=40).pairs == 40
    assert run(file, parts=towns(60)).pairs == 60 and len({pair.question for pair in read_pairs([file])}) == 60


def test_what_is_written_does_not_depend_on_which_answer_comes_first(tmp_path: Path, scripted_to: Callable[[Answers], None]) -> None:
    scripted_to(founding)

    class Uneven(ScriptedGenerator):
        most = now = 0

        async def stream(
            self, messages: Sequence[Message], decoding: Decoding, *, adapter: str | None = None
        ) -> AsyncGenerator[str | Usage, None]:
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(0.001 * (hash(messages[-1].content) % 7))
            async for piece in super().stream(messages, decoding, adapter=adapter):
                yield piece
            self.now -= 1

    uneven = Uneven()
    run(tmp_path / "even.jsonl", parts=towns(40))
    run(tmp_path / "uneven.jsonl", uneven, parts=towns(40))
    assert (tmp_path / "even.jsonl").read_bytes() == (tmp_path / "uneven.jsonl").read_bytes()
    assert 1 < uneven.most <= IN_FLIGHT


def test_a_question_in_another_language_than_its_passage_is_left_out(tmp_path: Path, scripted_to: Callable[[Answers], None]) -> None:
    scripted_to(writer({**REPLIES, "mill.md": "Вопрос: Кто построил мельницу на холме у реки?\nОтвет: Otto the miller"}))
    assert run(tmp_path / "qa.jsonl").dropped["in another language than the passage"] == 1


def test_the_recipe_learns_from_synthetic_pairs_alone_as_the_recipe_context_does(material: Callable[..., Material]) -> None:
    asked = [pair(number, kind=KIND if number % 2 else "fact") for number in range(20)]
    made = SyntheticRecipe().make(material(asked, absent=0.0), 100)
    assert {example.pair for example in made.examples} == {each.id for each in asked if each.kind == KIND}
    assert made.report.kinds == {"gold": 10}
    with pytest.raises(InputError, match="atlas pairs make"):
        SyntheticRecipe().make(material([pair(1)]), 100)


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
