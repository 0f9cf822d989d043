"""Adapters in service: merged or by LoRA, proven to be themselves, loaded and unloaded under a running assistant. Tiny real weights."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters import canary, gate, merge, said, serving, store
from adapters.card import BaseWeights, Card
from adapters.methods.lora import Lora
from adapters.tiny import save_tiny
from rag.assistant import Assistant, open_assistant
from rag.errors import ModelError, ServerError, UserError
from rag.generate import routes
from rag.models import manifest
from rag.serve import command
from rag.settings import Settings
from rag.types import Answer, Finished, Message, Token
from tests.adapters.made import make_adapter, tiny_settings
from tests.adapters.tiny_server import TinyServers, tiny_servers

QUESTION = "What is the usual rank?"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("tiny") / "base")


@pytest.fixture(autouse=True)
def few_prompts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tiny model reads bytes, for which the real canary prompts are long."""
    asked = ("Who?", "What is the rank of a LoRA adapter?", "Сколько?")
    monkeypatch.setattr(said, "prompts", lambda: tuple((Message("user", text),) for text in asked))


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[TinyServers]:
    monkeypatch.setattr(serving, "SETTLE", 0.05)
    with tiny_servers(monkeypatch) as running:
        yield running


@pytest.fixture
def settings(base: Path, tmp_path: Path) -> Settings:
    """On a CPU, with one stored LoRA adapter."""
    made = tiny_settings(base, tmp_path / "home")
    make_adapter("one", made)
    return made


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (gate, command):
        monkeypatch.setattr(module, "on_cpu", lambda: False)


def ask(assistant: Assistant, arm: str, adapter: str | None = None) -> Answer:
    async def last() -> Answer:
        async for event in assistant.stream(QUESTION, arm, adapter=adapter):
            if isinstance(event, Finished):
                return event.answer
        raise AssertionError("no answer")

    return asyncio.run(last())


def test_on_a_cpu_a_running_assistant_gets_the_merged_adapter_without_restart(settings: Settings, servers: TinyServers) -> None:
    assistant = open_assistant(settings)
    servers.start(settings)
    plain = ask(assistant, "zero-shot")
    with pytest.raises(UserError, match=r"needs an adapter\. No adapter is loaded.*atlas adapters load"):
        ask(assistant, "lora")
    done = serving.load("one", settings)
    assert done.route.way == "merged" and done.report.proven and set(servers.running) == {"base", done.route.server}
    answer = ask(assistant, "lora")
    sha256 = store.find("one", settings.home).sha256
    assert (answer.provenance.adapter, answer.provenance.adapter_sha256) == ("one", sha256)
    assert answer.provenance.model == settings.generate.model and answer.text != plain.text
    again = ask(assistant, "zero-shot", adapter="one")
    assert again.text == plain.text and again.provenance.adapter is None, "an arm without weights of its own never asks an adapter"
    asked = {name: server.asked[-1] for name, server in servers.running.items()}
    assert asked == {"base": settings.generate.model, done.route.server: done.route.served}
    assert serving.unload("one", settings) is True and set(servers.running) == {"base"}
    with pytest.raises(UserError, match=r"The adapter 'one' is not loaded\. None is\."):
        ask(assistant, "lora", "one")
    assert serving.unload("one", settings) is False


@pytest.mark.usefixtures("gpu")
def test_on_a_gpu_the_base_server_takes_the_adapter(settings: Settings, servers: TinyServers) -> None:
    done = serving.load("one", settings)
    assert (
        done.route.way == "vllm"
        and set(servers.running) == {"base"}
        and set(servers.running["base"].models)
        == {
            settings.generate.model,
            done.route.served,
        }
    )
    answer = ask(open_assistant(settings), "lora", "one")
    assert answer.provenance.adapter_sha256 == done.route.sha256 and servers.running["base"].asked[-1] == done.route.served
    assert serving.load("one", settings).route == done.route, "loading it again changes nothing"
    serving.unload("one", settings)
    assert list(servers.running["base"].models) == [settings.generate.model]
    assert not any((settings.home / "adapters" / serving.SERVED).iterdir())


@pytest.mark.parametrize("method", ["lora", "bottleneck"])
def test_in_process_routes_answer_beside_the_base(method: str, base: Path, tmp_path: Path) -> None:
    settings = tiny_settings(base, tmp_path / "home", backend="transformers")
    make_adapter("one", settings, method=method)
    assert serving.load("one", settings).route.way == "in-process"
    assistant = open_assistant(settings)
    plain, adapted, after = ask(assistant, "zero-shot"), ask(assistant, "lora"), ask(assistant, "zero-shot")
    assert plain.text == after.text != adapted.text and adapted.provenance.adapter == "one"


def test_a_method_that_vllm_cannot_serve_is_answered_in_process_beside_the_server(base: Path, tmp_path: Path, servers: TinyServers) -> None:
    settings = tiny_settings(base, tmp_path / "home")
    make_adapter("one", settings, method="bottleneck")
    assert serving.load("one", settings).route.way == "in-process" and set(servers.running) == {"base"}
    assistant = open_assistant(settings)
    assert ask(assistant, "lora").text != ask(assistant, "zero-shot").text


def test_two_adapters_are_told_apart_and_the_last_one_is_the_default(settings: Settings, servers: TinyServers) -> None:
    make_adapter("two", settings, seed=2)
    serving.load("one", settings)
    serving.load("two", settings)
    assistant = open_assistant(settings)
    one, two = ask(assistant, "lora", "one"), ask(assistant, "lora", "two")
    assert one.text != two.text and ask(assistant, "lora").provenance.adapter == "two"
    with pytest.raises(UserError, match="Loaded: one, two"):
        ask(assistant, "lora", "three")
    serving.unload("two", settings)
    assert ask(assistant, "lora").provenance.adapter == "one" and ask(assistant, "lora").text == one.text


def test_weights_trained_anew_replace_the_old_ones_under_a_running_assistant(settings: Settings, servers: TinyServers) -> None:
    before = serving.load("one", settings).route
    assistant = open_assistant(settings)
    first = ask(assistant, "lora")
    make_adapter("one", settings, seed=9)
    assert ask(assistant, "lora").provenance.adapter_sha256 == before.sha256, "what is loaded answers until the new one is"
    with pytest.raises(UserError, match="has changed since it was loaded"):
        canary.check("one", settings)
    after = serving.load("one", settings).route
    second = ask(assistant, "lora")
    assert second.provenance.adapter_sha256 == after.sha256 != before.sha256 and second.text != first.text
    assert set(servers.running) == {"base", after.server} and servers.stopped == [before.server]
    assert len(list((settings.home / merge.FOLDER).glob("one-*"))) == 1


@pytest.mark.slow
def test_a_request_in_flight_is_finished_before_its_server_stops(settings: Settings, servers: TinyServers) -> None:
    route = serving.load("one", settings).route
    whole = ask(open_assistant(settings), "lora").text
    servers.running[route.server].delay = 0.2

    async def unloaded_meanwhile() -> str:
        pieces, unloading = [], None
        async for event in open_assistant(settings).stream(QUESTION, "lora"):
            if isinstance(event, Token):
                pieces.append(event.text)
                unloading = unloading or asyncio.create_task(asyncio.to_thread(serving.unload, "one", settings))
        assert unloading is not None and await unloading
        return "".join(pieces)

    assert len(whole) > 2 and asyncio.run(unloaded_meanwhile()) == whole and route.server in servers.stopped


def test_a_server_that_died_says_how_to_load_the_adapter_again(settings: Settings, servers: TinyServers) -> None:
    route = serving.load("one", settings).route
    servers.kill(route.server)
    with pytest.raises(ServerError, match=r"^The model server of 'one@\w{8}' is not running\. Start it: atlas adapters load one$"):
        ask(open_assistant(settings), "lora")
    assert not serving.running(route, settings)
    assert [done.route for done in serving.restore(settings)] == [route] and ask(open_assistant(settings), "lora").text


def test_an_adapter_is_refused_by_another_base_or_template_before_anything_starts(settings: Settings, servers: TinyServers) -> None:
    folder = store.find("one", settings.home).folder
    card = Card.read(folder)
    for wrong in ({"base": BaseWeights(model="other", revision="feed")}, {"template": "old"}):
        card.model_copy(update=wrong).write(folder)
        with pytest.raises(ModelError, match=r"does not fit: it was trained on"):
            serving.load("one", settings)
    assert servers.running == {} and routes.read(settings.home) == {}


def test_an_adapter_that_says_what_the_base_says_is_not_published(settings: Settings, servers: TinyServers) -> None:
    make_adapter("nothing", settings, size=0)
    with pytest.raises(UserError, match=r"The adapter 'nothing' .* is not proven to be itself") as caught:
        serving.load("nothing", settings)
    assert "\n" not in str(caught.value) and routes.read(settings.home) == {} and set(servers.running) == {"base"}


@pytest.mark.parametrize(("swap", "said"), [("adapter", "the adapter's route"), ("base", "the base's route")])
def test_a_route_with_the_wrong_weights_behind_it_is_found_out(settings: Settings, servers: TinyServers, swap: str, said: str) -> None:
    route = serving.load("one", settings).route
    assert canary.check("one", settings).proven
    base, merged = servers.running["base"], servers.running[route.server]
    if swap == "adapter":
        merged.models[route.served] = base.models[settings.generate.model]
    else:
        base.models[settings.generate.model] = merged.models[route.served]
    with pytest.raises(UserError, match=said):
        canary.check("one", settings)


def test_another_adapters_weights_behind_the_route_are_found_out(settings: Settings, servers: TinyServers) -> None:
    make_adapter("two", settings, seed=2)
    one, two = serving.load("one", settings).route, serving.load("two", settings).route
    servers.running[one.server].models[one.served] = servers.running[two.server].models[two.served]
    with pytest.raises(UserError, match="the adapter's route"):
        canary.check("one", settings)


def test_a_merged_model_is_a_sound_folder_made_once(settings: Settings) -> None:
    folder = merge.merge("one", settings)
    facts = manifest.read(folder.path)
    assert manifest.verify(folder.path) == [] and facts["agreement"]["mean"] <= merge.TOLERANCE and facts["agreement"]["top1"] >= merge.TOP1
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {path.name for path in folder.path.iterdir()}
    made = (folder.path / "model.safetensors").stat().st_mtime_ns
    assert merge.merge("one", settings) == folder and (folder.path / "model.safetensors").stat().st_mtime_ns == made


def test_a_merge_that_is_not_the_adapter_is_refused_and_leaves_nothing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lora, "merge", lambda self, model: model.unload())
    with pytest.raises(ModelError, match="differs from the unmerged one"):
        merge.merge("one", settings)
    assert [path.name for path in (settings.home / merge.FOLDER).iterdir() if path.is_dir()] == []


def test_what_is_loaded_is_not_deleted_and_a_deletion_takes_the_merged_model_along(settings: Settings, servers: TinyServers) -> None:
    serving.load("one", settings)
    with pytest.raises(UserError, match="Unload it first"):
        serving.delete("one", settings)
    serving.unload("one", settings)
    serving.delete("one", settings)
    assert "one" not in store.names(settings.home) and not list((settings.home / merge.FOLDER).glob("one-*"))


def test_the_same_adapter_of_another_base_is_not_taken_for_this_ones(settings: Settings, servers: TinyServers, tmp_path: Path) -> None:
    serving.load("one", settings)
    other = tiny_settings(save_tiny(tmp_path / "other", seed=5), settings.home)
    with pytest.raises(UserError, match=r"The adapter 'one' is loaded for .*base, and the model is .*other"):
        ask(open_assistant(other), "lora", "one")


def test_a_published_route_survives_and_can_be_read_by_others(settings: Settings, servers: TinyServers) -> None:
    route = serving.load("one", settings).route
    assert routes.read(settings.home) == {"one": route} and replace(route, served="x") != route
