"""Arms: what they are given, what diagnostics may and may not see, and outside systems."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.arms.arm import Arm, Bench, Spec, adapters_named, default_arms, open_arms, parse_arms
from eval.arms.diagnostics import derange
from eval.arms.outside import passages_of, text_of
from eval.cases.read import read_cases
from eval.runner import retrieval_of
from eval.types import Case, Reply
from rag.assistant import open_assistant
from rag.errors import InputError, ServerError, UserError
from rag.generate.routes import Route, publish
from rag.qa import Pair
from rag.settings import Settings
from rag.types import Context, Message, Source
from tests.eval.conftest import ADAPTER, load_adapter
from tests.rag.generate.fake_server import Behaviour, serving

MODULE = """
from langchain_core.documents import Document
from langchain_core.language_models import FakeListChatModel
from langchain_core.runnables import RunnableLambda

chain = RunnableLambda(lambda question: {
    "answer": "about " + question, "context": [Document("some text", metadata={"source": "a.md"})]
})
model = FakeListChatModel(responses=["I do not know."])


class Engine:
    async def aquery(self, question):
        from llama_index.core.base.response.schema import Response
        from llama_index.core.schema import NodeWithScore, TextNode

        return Response("the answer", source_nodes=[NodeWithScore(node=TextNode(text="a node", metadata={"file_path": "b.md"}), score=1.0)])


class Broken:
    async def ainvoke(self, question):
        raise RuntimeError("out of\\nmemory")


def make():
    return Engine()


engine, broken, number = Engine(), Broken(), 7
"""


@pytest.fixture
def bench(indexed: Settings, qa: Path) -> Bench:
    assistant = open_assistant(indexed)
    cases = read_cases([qa])
    contexts = {case.id: asyncio.run(assistant.retrieve(case.pair.question)) for case in cases}
    return Bench(assistant, cases, contexts)


def opened(bench: Bench, *asked: str, outside: dict[str, str] | None = None) -> tuple[Arm, ...]:
    adapters = tuple(bench.assistant.routes.loaded())
    return open_arms(parse_arms(asked, adapters=adapters, outside=outside), bench)


def replies(bench: Bench, arm: Arm) -> dict[str, Reply]:
    async def ask() -> dict[str, Reply]:
        cases = [case for case in bench.cases if arm.applies(case)]
        found = {case.id: await arm(case, retrieval_of(case, bench.contexts[case.id])) for case in cases}
        await arm.close()
        return found

    return asyncio.run(ask())


def named(specs: tuple[Spec, ...]) -> list[tuple[str, str, str | None]]:
    return [(spec.name, spec.kind, spec.adapter) for spec in specs]


def test_arms_are_read_as_they_are_asked_for() -> None:
    assert named(parse_arms(("icl", "rag+lora", "rag"), adapters=("a",))) == [
        ("icl", "icl", None),
        ("rag+lora", "rag+lora", "a"),
        ("rag", "rag", None),
    ]
    several = parse_arms(("lora", "rag+lora:b", "oracle:b"), adapters=("a", "b"))
    assert [spec.name for spec in several] == ["lora:a", "lora:b", "rag+lora:b", "oracle:b"]
    assert [spec.name for spec in parse_arms(("rag", "rag", "rag"))] == ["rag", "rag#2", "rag#3"]
    assert parse_arms((), outside={"mine": "a:b"}) == (Spec("mine", "outside", target="a:b"),)
    assert adapters_named(("rag", "lora:x", "rag+lora:x", "oracle:y")) == ("x", "y")
    assert {"lora", "rag+lora"} <= set(default_arms(("a",))) and not {"lora", "rag+lora"} & set(default_arms(()))


def test_everything_wrong_with_the_arms_is_said_at_once() -> None:
    with pytest.raises(InputError) as raised:
        parse_arms(("magic", "lora", "rag:x", "outside"), outside={"rag": "http://a"})
    said = str(raised.value)
    assert all(
        each in said for each in ("no arm 'magic'", "'lora' needs an adapter", "'rag' is the base", "no arm 'outside'", "called 'rag'")
    )


def test_an_arm_without_retrieval_sees_no_passage_and_one_with_it_sees_the_frozen_ones(bench: Bench) -> None:
    load_adapter(bench.assistant.settings)
    for arm in opened(bench, "icl", "zero-shot", "lora"):
        assert all(not reply.passages and not reply.cited for reply in replies(bench, arm).values())
    for arm in opened(bench, "rag", "rag+lora"):
        for case, reply in replies(bench, arm).items():
            assert [each.path for each in reply.passages] == [source.path for source in bench.contexts[case].sources]
            assert all(quote in "".join(each.text for each in reply.passages if each.path == path) for path, quote in reply.cited)


def test_examples_of_the_icl_arm_never_come_from_the_evaluated_pairs(bench: Bench, qa: Path, indexed: Settings) -> None:
    context = indexed.context.model_copy(update={"examples": (str(qa),), "few_shot": 8})
    assistant = open_assistant(indexed.model_copy(update={"context": context}))
    own = replace(bench, assistant=assistant, cases=bench.cases[:3])
    assert len(assistant.prompt("What is an optimizer?", "icl")) > 2
    opened(own, "icl")
    shown = " ".join(message.content for message in assistant.prompt("What is an optimizer?", "icl"))
    assert bench.cases[3].pair.question in shown
    assert not [case for case in own.cases if case.pair.question in shown]


def test_oracle_holds_the_gold_and_only_gold_documents(bench: Bench) -> None:
    (arm,) = opened(bench, "oracle")
    found = replies(bench, arm)
    assert set(found) == {case.id for case in bench.cases if case.pair.answerable}
    for case in bench.cases:
        if case.id in found:
            assert {each.path for each in found[case.id].passages} <= set(case.pair.docs)
            assert all(any(span in each.text for each in found[case.id].passages) for _, span in case.pair.gold)


def test_shuffled_holds_another_questions_passages_and_no_gold(bench: Bench) -> None:
    (arm,), (again,) = opened(bench, "shuffled"), opened(bench, "shuffled")
    found = replies(bench, arm)
    for case in bench.cases:
        if case.id in found:
            assert found[case.id].passages and not {each.path for each in found[case.id].passages} & set(case.pair.docs)
    assert {name: reply.passages for name, reply in found.items()} == {
        name: reply.passages for name, reply in replies(bench, again).items()
    }
    assert all(not reply.abstained for reply in found.values())


def test_diagnostics_can_wear_an_adapter(bench: Bench) -> None:
    load_adapter(bench.assistant.settings)
    (arm,) = opened(bench, f"oracle:{ADAPTER}")
    assert all(reply.text.startswith(f"({ADAPTER})") and reply.identity["adapter"] == ADAPTER for reply in replies(bench, arm).values())


def test_full_doc_gives_the_whole_corpus_or_the_whole_gold_document(bench: Bench, indexed: Settings) -> None:
    (arm,) = opened(bench, "full-doc")
    found = replies(bench, arm)
    assert len(found) == len(bench.cases) and {len(reply.passages) for reply in found.values()} == {5}
    narrow = indexed.model_copy(
        update={
            "serve": indexed.serve.model_copy(update={"max_model_len": 256}),
            "generate": indexed.generate.model_copy(update={"max_tokens": 42}),
        }
    )
    (arm,) = opened(replace(bench, assistant=open_assistant(narrow)), "full-doc")
    by = {case.id: case for case in bench.cases}
    found = {case.id: asyncio.run(arm(case, retrieval_of(case, bench.contexts[case.id]))) for case in bench.cases if arm.applies(case)}
    assert found and all({each.path for each in reply.passages} <= set(by[name].pair.docs) for name, reply in found.items())


cases_drawn = st.lists(st.tuples(st.sampled_from(["en", "ru", "de"]), st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=25)


@given(cases_drawn, st.integers(0, 5))
def test_nobody_gets_his_own_passages_and_everybody_gets_somebodys(drawn: list[tuple[str, int, int]], seed: int) -> None:
    cases, contexts = [], {}
    for number, (language, gold, found) in enumerate(drawn):
        cases.append(Case(Pair(str(number), f"{number}?", ("x",), (f"d{gold}",), language=language)))
        contexts[str(number)] = Context("", "", (Source(1, (), f"d{found}", f"d{found}", 0, 1, "t"),))
    given_by = derange(cases, contexts, seed=seed)
    assert given_by == derange(cases, contexts, seed=seed)
    assert given_by.keys() == set(given_by.values()) == contexts.keys()
    assert all(name != giver for name, giver in given_by.items())


def test_an_adapter_that_is_replaced_meanwhile_fails_instead_of_mixing_two(bench: Bench) -> None:
    settings = bench.assistant.settings
    load_adapter(settings)
    (arm,) = opened(bench, "lora")
    publish(settings.home, Route(ADAPTER, "vllm", "other", "f" * 64, settings.generate.model))
    with pytest.raises(UserError, match="replaced"):
        replies(bench, arm)


@pytest.fixture
def pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / "my_pipeline.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    yield "my_pipeline"
    sys.path[:] = before
    sys.modules.pop("my_pipeline", None)


def test_a_langchain_runnable_and_a_query_engine_are_arms(bench: Bench, pipeline: str) -> None:
    outside = {name: f"{pipeline}:{name}" for name in ("chain", "model", "engine", "make")}
    found = {arm.name: replies(bench, arm)["rank"] for arm in opened(bench, outside=outside)}
    assert found["chain"].text == "about What is the usual rank of a LoRA adapter?"
    assert [(each.path, each.text) for each in found["chain"].passages] == [("a.md", "some text")]
    assert found["model"].refused and not found["chain"].refused
    assert found["engine"].text == found["make"].text == "the answer"
    assert [(each.path, each.text) for each in found["engine"].passages] == [("b.md", "a node")]
    assert all(reply.total > 0 for reply in found.values())


def test_a_conversation_reaches_an_outside_system(bench: Bench, pipeline: str) -> None:
    (arm,) = opened(bench, outside={"mine": f"{pipeline}:chain"})
    case = Case(Pair("a", "Why?", ("x",), history=(Message("user", "Is it?"), Message("assistant", "Yes."))))
    said = asyncio.run(arm(case, retrieval_of(case, Context("Why?", "Why?")))).text
    assert said == "about user: Is it?\nassistant: Yes.\nuser: Why?"


def test_an_outside_system_that_breaks_fails_one_question_in_one_line(bench: Bench, pipeline: str) -> None:
    (arm,) = opened(bench, outside={"mine": f"{pipeline}:broken"})
    with pytest.raises(ServerError, match=r"failed: RuntimeError: out of memory$"):
        replies(bench, arm)


@pytest.mark.parametrize(
    ("target", "said"), [("nothing", "neither a URL"), ("no_such_module:x", "cannot be loaded"), (":number", "without ainvoke")]
)
def test_an_outside_system_that_cannot_be_used_is_refused_before_anything_is_asked(
    bench: Bench, pipeline: str, target: str, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        opened(bench, outside={"mine": pipeline + target if target.startswith(":") else target})


def test_a_url_is_asked_for_short_answers_with_nothing_of_our_passages(bench: Bench) -> None:
    with serving(Behaviour()) as server:
        (first, named) = opened(bench, outside={"one": server.url, "other": f"{server.url}#adapter"})
        assert replies(bench, first)["rank"].identity["model"] == "fake"
        assert replies(bench, named)["rank"].text.startswith("(adapter)")
        sent = [request["messages"] for request in server.behaviour.requests]
    assert len(sent) == 2 * len(bench.cases) and not [each for each in sent if "<document" in str(each)]
    assert all("briefly" in str(each) or "кратко" in str(each) for each in sent) == (bench.assistant.settings.context.style == "short")


def test_a_url_without_a_server_is_one_line(bench: Bench) -> None:
    with pytest.raises(ServerError, match=r"127\.0\.0\.1:9/v1 does not say which models"):
        opened(bench, outside={"mine": "http://127.0.0.1:9/v1"})


def test_words_are_found_in_whatever_comes_back() -> None:
    assert text_of("plain ") == "plain" and text_of({"result": SimpleNamespace(content="a")}) == "a"
    assert text_of([{"type": "text", "text": "a"}, "b"]) == "ab" and passages_of("x") == ()
    with pytest.raises(ValueError, match="no answer among"):
        text_of({"other": 1})
