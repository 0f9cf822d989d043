"""The assistant's one path, on the hash embedder and the scripted generator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

import pytest

from rag.assistant import Assistant, calibration_file, open_assistant
from rag.context import abstain
from rag.errors import IndexError_, UserError
from rag.generate.generator import Usage
from rag.generate.scripted import ScriptedGenerator
from rag.index.build import build
from rag.settings import Settings
from rag.types import Answer, Decoding, Event, Finished, Message, Retrieved, Token

PAGES = {
    "lora.md": "# LoRA\n\nThe rank of a LoRA adapter is usually sixteen. It scales with alpha.",
    "memory.md": "# Memory\n\nFull fine-tuning needs sixteen bytes for each parameter.",
}


@pytest.fixture
def indexed(settings: Settings) -> Settings:
    settings.corpus.mkdir()
    for name, text in PAGES.items():
        (settings.corpus / name).write_text(text, encoding="utf-8")
    build(settings)
    return settings


def events(assistant: Assistant, question: str, arm: str, history: tuple[Message, ...] = ()) -> list[Event]:
    async def collect() -> list[Event]:
        return [event async for event in assistant.stream(question, arm, history)]

    return asyncio.run(collect())


def answered(assistant: Assistant, question: str, arm: str) -> Answer:
    return asyncio.run(assistant.answer(question, arm))


def test_rag_retrieves_then_streams_then_finishes_with_a_cited_answer(indexed: Settings) -> None:
    seen = events(open_assistant(indexed), "What is the usual rank of a LoRA adapter?", "rag")
    assert isinstance(seen[0], Retrieved)
    assert isinstance(seen[-1], Finished)
    assert all(isinstance(event, Token) for event in seen[1:-1])
    answer = seen[-1].answer
    assert answer.text == "".join(event.text for event in seen if isinstance(event, Token))
    assert answer.context is not None
    assert answer.context.sources[0].path == "lora.md"
    assert [citation.number for citation in answer.citations] == [1]
    assert answer.provenance.index_version == answer.context.index_version != ""
    assert 0 < answer.provenance.timing.retrieval <= answer.provenance.timing.first_token <= answer.provenance.timing.total


class Marker(ScriptedGenerator):
    """Says no more than "[1]" unless it must not."""

    async def stream(
        self, messages: Sequence[Message], decoding: Decoding, *, adapter: str | None = None
    ) -> AsyncGenerator[str | Usage, None]:
        yield "The rank is usually sixteen." if "[" in decoding.forbidden else "[1]"
        yield Usage(50, 3, "stop")


def test_an_answer_of_a_marker_alone_is_asked_for_in_words_and_says_so(indexed: Settings) -> None:
    seen = events(Assistant(indexed, Marker()), "What is the usual rank of a LoRA adapter?", "rag")
    assert [event.text for event in seen if isinstance(event, Token)] == ["The rank is usually sixteen."]
    assert isinstance(seen[-1], Finished)
    answer = seen[-1].answer
    assert [(citation.number, citation.by) for citation in answer.citations] == [(1, "match")]
    assert answer.provenance.decoding.forbidden == ("[",) and answer.provenance.answer_tokens == 6


def test_icl_retrieves_nothing_and_needs_no_index(settings: Settings) -> None:
    seen = events(open_assistant(settings), "What is LoRA?", "icl")
    assert not any(isinstance(event, Retrieved) for event in seen)
    assert isinstance(seen[-1], Finished)
    assert seen[-1].answer.context is None


def test_arms_share_a_context_that_is_given(indexed: Settings) -> None:
    assistant = open_assistant(indexed)

    async def both() -> tuple[Answer, Answer]:
        context = await assistant.retrieve("What is the rank?")
        return await assistant.answer("What is the rank?", "rag", context=context), await assistant.answer(
            "What is the rank?", "icl", context=context
        )

    rag, icl = asyncio.run(both())
    assert rag.context is not None
    assert icl.context is None


def test_nothing_found_is_an_abstention_that_never_asks_the_model(indexed: Settings) -> None:
    generator = ScriptedGenerator(fail_after=0)
    answer = asyncio.run(_alone(indexed, generator))
    assert answer.abstained and answer.refused
    assert answer.finish == "abstained"


async def _alone(settings: Settings, generator: ScriptedGenerator) -> Answer:
    assistant = Assistant(settings, generator)
    context = await assistant.retrieve("What is the rank?")
    return await assistant.answer("What is the rank?", "rag", context=replace(context, sources=(), evidence=abstain.evidence([], None)))


def test_a_running_assistant_follows_a_new_calibration(indexed: Settings) -> None:
    assistant = open_assistant(indexed)
    assert not answered(assistant, "What is the rank?", "rag").abstained
    identity = assistant.retriever.embedder.identity()
    strict = abstain.Calibration({}, -5.0, 0.5, identity, 20, 0, 50, None, 1.0, 0.0, None, 1.0)
    abstain.save(strict, calibration_file(indexed))
    assert answered(assistant, "What is the rank?", "rag").abstained


def test_a_follow_up_is_searched_with_the_conversation_in_mind(indexed: Settings) -> None:
    history = (Message("user", "How many bytes does full fine-tuning need?"), Message("assistant", "Sixteen."))
    context = asyncio.run(open_assistant(indexed).retrieve("why?", history))
    assert context.sources[0].path == "memory.md"


def test_history_is_part_of_the_prompt_and_trimmed_to_the_model(indexed: Settings) -> None:
    assistant = open_assistant(indexed)
    history = [Message("user", "a"), Message("assistant", "b")] * 10
    messages = assistant.prompt("Why?", "zero-shot", history)
    assert len(messages) == 2 + 2 * indexed.context.history_turns
    long = [Message("user", "word " * 5000), Message("assistant", "b")]
    assert len(assistant.prompt("Why?", "zero-shot", long)) == 2


def test_without_an_index_rag_says_how_to_build_one_and_finds_it_once_it_is_there(settings: Settings) -> None:
    assistant = open_assistant(settings)
    with pytest.raises(IndexError_, match="atlas index build"):
        events(assistant, "What is LoRA?", "rag")
    assert "no index" in asyncio.run(assistant.ready())
    settings.corpus.mkdir()
    (settings.corpus / "a.md").write_text(PAGES["lora.md"], encoding="utf-8")
    build(settings)
    assert isinstance(events(assistant, "What is LoRA?", "rag")[-1], Finished)
    assert asyncio.run(assistant.ready()) == ""


@pytest.mark.parametrize(
    ("question", "arm", "said"),
    [("", "rag", "empty"), ("Why?", "magic", "arm 'magic'"), ("Why?", "lora", "adapter"), ("w " * 5000, "icl", "tokens")],
)
def test_a_question_that_cannot_be_asked_is_one_clear_line(settings: Settings, question: str, arm: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        events(open_assistant(settings), question, arm)


def test_closing_the_stream_frees_the_generator(indexed: Settings) -> None:
    generator = ScriptedGenerator(delay=0.01)

    async def first_token() -> int:
        stream = Assistant(indexed, generator).stream("What is the usual rank?", "rag")
        async for event in stream:
            if isinstance(event, Token):
                break
        await stream.aclose()
        return generator.running

    assert asyncio.run(first_token()) == 0
