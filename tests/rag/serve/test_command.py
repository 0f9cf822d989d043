"""What vLLM is called with: loopback, offline, no statistics, compiled graphs kept in the home."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.models import precision
from rag.models.folder import ModelFolder
from rag.serve import command as serving
from rag.serve.command import Command, command
from rag.serve.log import KEEP, cause_of, new_log, stage_of
from rag.settings import Settings

FOLDER = ModelFolder("model", Path("/models/model"), "0123456789abcdef")


def made(settings: Settings, **serve: object) -> Command:
    return command(settings.model_copy(update={"serve": settings.serve.model_copy(update=serve)}), FOLDER)


def test_the_server_is_offline_quiet_and_keeps_its_cache_in_the_home(settings: Settings) -> None:
    asked = made(settings)
    assert asked.environment["HF_HUB_OFFLINE"] == "1" and asked.environment["VLLM_NO_USAGE_STATS"] == "1"
    assert asked.environment["VLLM_CACHE_ROOT"].startswith(str((settings.home / "cache").resolve()))
    arguments = asked.at(8020)
    assert arguments[arguments.index("--host") + 1] == "127.0.0.1" and arguments[-2:] == ["--port", "8020"]


def test_options_differ_when_anything_but_the_port_does(settings: Settings) -> None:
    assert made(settings).options == made(settings, port=9000).options
    assert len({made(settings).options, made(settings, max_model_len=512).options, made(settings, args=("--seed", "1")).options}) == 3
    assert command(settings, ModelFolder("model", FOLDER.path, "f" * 16)).options != made(settings).options


@pytest.mark.parametrize(("host", "taken"), [("127.0.0.1", True), ("0.0.0.0", False)])
def test_adapters_at_run_time_are_for_this_machine_only(settings: Settings, host: str, taken: bool) -> None:
    asked = made(settings, host=host, lora="on")
    assert ("--enable-lora" in asked.arguments) is taken
    assert ("VLLM_ALLOW_RUNTIME_LORA_UPDATING" in asked.environment) is taken
    assert "--enable-lora" not in made(settings, lora="off").arguments


def test_further_arguments_come_last_so_that_they_win(settings: Settings) -> None:
    assert made(settings, args=("--max-model-len", "512")).arguments[-2:] == ("--max-model-len", "512")


@pytest.mark.parametrize(("cpu", "dtype"), [(True, "float32"), (False, "auto")])
def test_on_a_cpu_the_precision_is_the_processors(settings: Settings, monkeypatch: pytest.MonkeyPatch, cpu: bool, dtype: str) -> None:
    monkeypatch.setattr(serving, "on_cpu", lambda: cpu)
    monkeypatch.setattr(precision, "of_server", lambda folder: "float32")
    arguments = made(settings).arguments
    assert arguments[arguments.index("--dtype") + 1] == dtype


def test_only_the_newest_logs_are_kept(tmp_path: Path) -> None:
    made = [new_log(tmp_path) for _ in range(KEEP + 3)]
    assert len(set(made)) == KEEP + 3 and len(list((tmp_path / "logs").iterdir())) == KEEP and made[-1].exists()


def test_the_stage_is_that_of_the_last_line_known() -> None:
    assert stage_of("") == "loading libraries"
    assert stage_of("x\nnon-default args: {}\n... Starting to load model /x...\nnoise") == "loading weights"


def test_a_cause_is_read_from_the_middle_of_a_log() -> None:
    log = "INFO fine\n(Worker pid=1) ERROR 11-22 03:00:00 [core.py:1] ValueError: odd\nTraceback\nRuntimeError: Engine core failed"
    assert cause_of(log) == ("unknown", "ValueError: odd")
    assert cause_of("")[0] == "unknown"
