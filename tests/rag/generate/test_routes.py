"""The routes of adapters: published at once, read again when they change, and every request answered by the right weights."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.assistant import open_assistant
from rag.errors import ServerError, UserError
from rag.generate import routes
from rag.generate.routed import RoutedGenerator
from rag.generate.routes import Route, Routes, UnknownAdapter
from rag.settings import Settings
from tests.rag.generate.conformance import QUESTION, SHORT, Laws, collect
from tests.rag.generate.fake_server import Behaviour, serving

ONE = Route("one", "vllm", "one@aaaaaaaa", "a" * 64, "scripted-model")
TWO = replace(ONE, adapter="two", served="two@bbbbbbbb", sha256="b" * 64)


@pytest.fixture
def scripted(settings: Settings) -> Settings:
    generate = settings.generate.model_copy(update={"model": ONE.base})
    return settings.model_copy(update={"generate": generate})


class TestRouted(Laws):
    """The base model behind the routes keeps every law of a generator."""

    @pytest.fixture
    def generator(self, scripted: Settings) -> RoutedGenerator:
        return RoutedGenerator.open(scripted)


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)


@given(names=st.lists(WORDS, unique=True, max_size=4), way=st.sampled_from(["vllm", "merged", "in-process"]), word=WORDS)
def test_routes_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], way: routes.Way, word: str
) -> None:
    home = tmp_path_factory.mktemp("routes")
    bias = tuple((len(text), len(text) - 1.5) for text in names)
    written = {name: Route(name, way, word, word, word, word, word, bias) for name in names}
    for route in written.values():
        routes.publish(home, route)
    assert routes.read(home) == written


def test_a_reader_sees_every_change_even_within_one_tick_of_the_clock(scripted: Settings) -> None:
    seen = Routes(scripted)
    assert seen.loaded() == {}
    for _ in range(20):
        routes.publish(scripted.home, ONE)
        assert seen.find("one") == ONE
        routes.publish(scripted.home, replace(ONE, sha256="c" * 64))
        assert seen.find("one").sha256 == "c" * 64
        assert routes.withdraw(scripted.home, "one") is not None
        assert seen.loaded() == {}
    assert routes.withdraw(scripted.home, "one") is None


def test_changes_from_several_sides_at_once_are_all_kept(scripted: Settings) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: routes.publish(scripted.home, replace(ONE, adapter=f"a{number}")), range(24)))
    assert len(routes.read(scripted.home)) == 24


@pytest.mark.parametrize("text", ["{", "{}x", '[{"adapter": "one"}]', '[{"adapter": "one", "way": "by air"}]', "[3]", '{"a": 1}'])
def test_a_file_that_is_not_ours_is_said(scripted: Settings, text: str) -> None:
    scripted.home.mkdir(parents=True)
    (scripted.home / routes.FILE).write_text(text)
    with pytest.raises(UserError, match=r"routes\.json cannot be used"):
        Routes(scripted).loaded()


def test_without_a_name_the_adapter_loaded_last_answers(scripted: Settings) -> None:
    with pytest.raises(UnknownAdapter, match="No adapter is loaded for scripted-model"):
        Routes(scripted).find(None)
    for route in (ONE, TWO, replace(ONE, sha256="c" * 64)):
        routes.publish(scripted.home, route)
    assert Routes(scripted).find(None).sha256 == "c" * 64


def test_adapters_of_another_model_are_named_but_never_used(scripted: Settings) -> None:
    routes.publish(scripted.home, replace(ONE, base="another"))
    with pytest.raises(UnknownAdapter, match="is loaded for another, and the model is scripted-model"):
        Routes(scripted).find("one")
    with pytest.raises(UnknownAdapter, match="No adapter is loaded"):
        Routes(scripted).find(None)


def test_the_usage_says_which_weights_answered(scripted: Settings) -> None:
    generator = RoutedGenerator.open(scripted)
    routes.publish(scripted.home, ONE)
    text, usage = asyncio.run(collect(generator, QUESTION, SHORT, "one"))
    assert text.startswith("(one@aaaaaaaa)") and usage.adapter_sha256 == ONE.sha256
    _, plain = asyncio.run(collect(generator, QUESTION, SHORT))
    assert plain.adapter_sha256 is None


def test_an_endpoint_is_asked_by_the_served_name(scripted: Settings, words: Path) -> None:
    with serving(Behaviour()) as server:
        options = {"backend": "openai", "base_url": server.url, "model": "fake", "tokenizer": str(words)}
        settings = scripted.model_copy(update={"generate": scripted.generate.model_copy(update=options)})
        routes.publish(settings.home, Route("mine", "vllm", "adapter", "a" * 64, "fake", bias=((40, 0.5),)))
        text, usage = asyncio.run(collect(RoutedGenerator.open(settings), QUESTION, SHORT, "mine"))
        assert text.startswith("(adapter)") and server.behaviour.requests[-1]["model"] == "adapter" and usage.adapter_sha256 == "a" * 64
        assert server.behaviour.requests[-1]["logit_bias"] == {"40": 0.5}
        asyncio.run(collect(RoutedGenerator.open(settings), QUESTION, SHORT))
        assert "logit_bias" not in server.behaviour.requests[-1], "the bias belongs to the adapter, not to the base"


def test_a_merged_adapter_without_its_server_says_how_to_get_it_back(scripted: Settings) -> None:
    route = replace(ONE, way="merged", server="adapter-one-aaaaaaaa")
    routes.publish(scripted.home, route)
    options = scripted.generate.model_copy(update={"retries": 0})
    generator = RoutedGenerator.open(scripted.model_copy(update={"generate": options}))
    with pytest.raises(ServerError, match=r"^The model server of 'one@aaaaaaaa' is not running\. Start it: atlas adapters load one$"):
        asyncio.run(collect(generator, QUESTION, SHORT, "one"))
    text, _ = asyncio.run(collect(generator, QUESTION, SHORT))
    assert text, "the base answers on"


def test_a_route_into_our_own_server_is_not_asked_for_elsewhere(scripted: Settings) -> None:
    routes.publish(scripted.home, replace(ONE, server="base"))
    with pytest.raises(ServerError, match=r"generate\.backend is another"):
        asyncio.run(collect(RoutedGenerator.open(scripted), QUESTION, SHORT, "one"))


def test_tokens_are_counted_as_the_base_counts_them(scripted: Settings) -> None:
    generator = RoutedGenerator.open(scripted)
    assert generator.count_tokens("three words here") == generator.base.count_tokens("three words here") == 3


def test_an_answer_carries_the_adapter_and_its_sha256(scripted: Settings) -> None:
    assistant = open_assistant(scripted)
    with pytest.raises(UserError, match=r"The arm 'lora' needs an adapter\. No adapter is loaded"):
        asyncio.run(assistant.answer("Why?", "lora"))
    routes.publish(scripted.home, ONE)
    made = asyncio.run(assistant.answer("Why?", "lora")).provenance
    assert (made.adapter, made.adapter_sha256, made.model) == ("one", ONE.sha256, "scripted")
    made = asyncio.run(assistant.answer("Why?", "zero-shot")).provenance
    assert (made.adapter, made.adapter_sha256) == (None, None)
