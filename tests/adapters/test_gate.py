"""Which way an adapter is served: the table of machines, backends and methods."""

from __future__ import annotations

from typing import Any

import pytest

from adapters import gate
from adapters.method import Route
from rag.errors import UserError
from rag.serve import command
from rag.settings import Settings

LORA: tuple[Route, ...] = ("vllm", "merged", "in-process")
DORA: tuple[Route, ...] = ("merged", "in-process")
PREFIX: tuple[Route, ...] = ("in-process",)


def made(backend: str, **serve: Any) -> Settings:
    return Settings.model_validate({"generate": {"backend": backend, "base_url": "http://127.0.0.1:9/v1"}, "serve": serve})


@pytest.fixture(params=[True, False], ids=["cpu", "gpu"])
def cpu(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    for module in (gate, command):
        monkeypatch.setattr(module, "on_cpu", lambda: request.param)
    return bool(request.param)


@pytest.mark.parametrize(
    ("routes", "backend", "on_cpu", "on_gpu"),
    [
        (LORA, "vllm", "merged", "vllm"),
        (DORA, "vllm", "merged", "merged"),
        (PREFIX, "vllm", "in-process", "in-process"),
        (("vllm", "in-process"), "vllm", "in-process", "vllm"),
        (LORA, "transformers", "in-process", "in-process"),
        (LORA, "openai", "vllm", "vllm"),
        (LORA, "scripted", "vllm", "vllm"),
    ],
)
def test_the_way_follows_from_method_backend_and_machine(
    routes: tuple[Route, ...], backend: str, on_cpu: str, on_gpu: str, cpu: bool
) -> None:
    decision = gate.decide(routes, made(backend), rank=8)
    assert decision.route == (on_cpu if cpu else on_gpu) and decision.reason


def test_a_rank_that_the_server_does_not_take_is_merged(cpu: bool) -> None:
    decision = gate.decide(LORA, made("vllm", max_lora_rank=16), rank=64)
    assert decision.route == "merged" and (cpu or "max_lora_rank = 16" in decision.reason)


def test_a_server_that_others_can_reach_loads_no_adapter(cpu: bool) -> None:
    assert gate.decide(LORA, made("vllm", host="0.0.0.0"), rank=8).route == "merged"


@pytest.mark.parametrize("wanted", LORA)
def test_the_setting_decides_where_it_can(wanted: Route, cpu: bool) -> None:
    assert gate.decide(LORA, made("vllm", adapters=wanted, lora="on"), rank=8).route == wanted


@pytest.mark.parametrize(
    ("routes", "backend", "serve", "said"),
    [
        (PREFIX, "vllm", {"adapters": "merged"}, "can be served only as: in-process"),
        (DORA, "vllm", {"adapters": "vllm"}, "can be served only as: merged, in-process"),
        (LORA, "vllm", {"adapters": "vllm", "lora": "off"}, "serve.lora = on"),
        (LORA, "transformers", {"adapters": "merged"}, "generate.backend = vllm"),
        (LORA, "transformers", {"adapters": "vllm"}, "not vllm"),
    ],
)
def test_a_setting_that_cannot_be_followed_says_why(
    routes: tuple[Route, ...], backend: str, serve: dict[str, str], said: str, cpu: bool
) -> None:
    with pytest.raises(UserError, match=said):
        gate.decide(routes, made(backend, **serve), rank=8, name="it")


def test_the_rank_is_read_from_the_options() -> None:
    assert gate.rank_of({"r": 8}) == 8 and gate.rank_of({"init_r": 12, "r": 4}) == 12 and gate.rank_of({"alpha": 32}) == 0
