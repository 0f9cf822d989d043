"""The life of the managed server, with a stand-in for vLLM: started once, found again, ended to the last process."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from rag.errors import ServerError
from rag.models.folder import ModelFolder
from rag.serve import processes, state, vllm
from rag.serve.vllm import Server, Starting
from rag.settings import Settings
from tests.rag.serve.conftest import free_port


def ours(settings: Settings) -> list[psutil.Process]:
    return processes.marked(state.mark_of(settings.home))


def changed(settings: Settings, **serve: object) -> Settings:
    return settings.model_copy(update={"serve": settings.serve.model_copy(update=serve)})


@pytest.mark.slow
def test_start_gives_a_server_that_answers_and_stop_leaves_no_process(managed: Settings) -> None:
    server = vllm.start(managed)
    assert server.url == f"http://127.0.0.1:{managed.serve.port}/v1" and server.served == (managed.generate.model,)
    assert vllm.status(managed) == server and len(ours(managed)) == 2
    assert vllm.stop(managed) is True
    assert ours(managed) == [] and vllm.status(managed) is None and vllm.stop(managed) is False


def test_a_second_start_finds_the_first_server(managed: Settings) -> None:
    assert vllm.start(managed) == vllm.start(managed)


def test_two_starts_at_once_make_one_server(managed: Settings) -> None:
    with ThreadPoolExecutor(4) as pool:
        servers = list(pool.map(lambda _: vllm.start(managed), range(4)))
    assert len(set(servers)) == 1 and len(ours(managed)) == 2


def test_another_model_or_other_options_are_refused_with_the_way_out(managed: Settings, tmp_path: Path) -> None:
    vllm.start(managed)
    with pytest.raises(ServerError, match=r"runs with other settings.*atlas serve --stop"):
        vllm.start(changed(managed, max_model_len=2048))
    other = tmp_path / "other"
    other.mkdir()
    for name in ("config.json", "model.safetensors"):
        (other / name).write_bytes((Path(managed.generate.model) / name).read_bytes())
    generate = managed.generate.model_copy(update={"model": str(other)})
    with pytest.raises(ServerError, match=r"serves .*model, not .*other\. Stop it first: atlas serve --stop"):
        vllm.start(managed.model_copy(update={"generate": generate}))


def test_a_port_that_is_taken_is_passed_over(managed: Settings) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", managed.serve.port))
        other.listen(1)
        assert vllm.start(managed).url != f"http://127.0.0.1:{managed.serve.port}/v1"


@pytest.mark.slow
def test_a_port_that_was_taken_between_look_and_use_is_passed_over(managed: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_VLLM", f"taken:{managed.serve.port}")
    assert vllm.start(managed).url != f"http://127.0.0.1:{managed.serve.port}/v1"
    assert len(ours(managed)) == 2


def test_no_free_port_is_said(managed: Settings) -> None:
    with pytest.raises(ServerError, match=r"No port of 192\.0\.2\.1"):
        vllm.start(changed(managed, host="192.0.2.1"))


@pytest.mark.slow
def test_children_of_a_killed_server_are_ended_by_the_next_start(managed: Settings) -> None:
    first = vllm.start(managed)
    os.kill(first.pid, signal.SIGKILL)
    assert until(lambda: vllm.status(managed) is None)
    orphans = ours(managed)
    assert len(orphans) == 1
    second = vllm.start(managed)
    assert second.pid != first.pid and not any(orphan.is_running() for orphan in orphans) and len(ours(managed)) == 2


@pytest.mark.slow
def test_children_of_a_killed_server_are_ended_by_stop_even_without_the_state_file(managed: Settings) -> None:
    os.kill(vllm.start(managed).pid, signal.SIGKILL)
    (managed.home / state.FILE).unlink()
    assert vllm.stop(managed) is True and ours(managed) == []


@pytest.mark.slow
def test_a_server_that_does_not_heed_sigterm_is_killed(managed: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_VLLM", "deaf")
    monkeypatch.setattr(vllm, "GRACE", 0.2)
    vllm.start(managed)
    assert vllm.stop(managed) is True and ours(managed) == []


@pytest.mark.slow
def test_a_pid_that_was_used_again_is_not_taken_for_the_server(managed: Settings) -> None:
    server = vllm.start(managed)
    found = state.read(managed.home)
    assert found is not None
    vllm.stop(managed)
    stranger = os.getpid()
    state.write(managed.home, replace(found, pid=stranger))
    assert vllm.status(managed) is None and vllm.stop(managed) is False
    assert psutil.pid_exists(stranger) and server.pid != stranger


def test_a_state_file_that_is_broken_counts_as_none(managed: Settings) -> None:
    managed.home.mkdir(parents=True)
    for text in ("", "[]", "{", json.dumps({"pid": 1})):
        (managed.home / state.FILE).write_text(text)
        assert vllm.status(managed) is None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("RuntimeError: [enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: out of memory", "not enough memory"),
        ("ValueError: Available memory on node 0 (1/24 GiB) on kv cache allocation is less than requested memory for kv", "kv_cache_gb"),
        ("OSError: Can't load the configuration of '/nowhere'.", "cannot be served"),
        ("api_server.py: error: unrecognized arguments: --nonsense", "unrecognized arguments: --nonsense"),
        ("/usr/bin/python: No module named vllm", "vLLM is not installed"),
        ("ValueError: something nobody has seen", "the cause is not known (ValueError: something nobody has seen)"),
    ],
)
@pytest.mark.slow
def test_a_server_that_dies_says_why_and_where_its_log_is(managed: Settings, monkeypatch: pytest.MonkeyPatch, line: str, said: str) -> None:
    monkeypatch.setenv("FAKE_VLLM", f"die:{line}")
    with pytest.raises(ServerError) as caught:
        vllm.start(managed)
    assert said in str(caught.value) and "\n" not in str(caught.value)
    log = Path(str(caught.value).rsplit("Its log: ", 1)[1])
    assert line in log.read_text() and ours(managed) == [] and vllm.status(managed) is None


@pytest.mark.slow
def test_a_start_shows_its_stage_and_the_next_one_how_long_it_takes(managed: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_VLLM", "slow:1.5")
    seen: list[tuple[str, int, int]] = []
    vllm.start(managed, progress=lambda *report: seen.append(report))
    assert ("model server: opening the port", 1, 1) in seen and {total for _, done, total in seen if done == 0} == {0}
    vllm.stop(managed)
    vllm.start(managed, wait=False)
    found = vllm.status(managed)
    assert isinstance(found, Starting) and 1 < found.expected < 10 and "model server is starting: " in str(found)
    assert until(lambda: isinstance(vllm.status(managed), Server))


def test_a_start_that_is_stopped_says_so(managed: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_VLLM", "slow:20")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(vllm.start, managed)
        assert until(lambda: vllm.status(managed) is not None)
        vllm.stop(managed)
        with pytest.raises(ServerError, match="was stopped while it was starting"):
            waiting.result()


def test_a_start_that_takes_too_long_says_so_and_leaves_the_server_alone(managed: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_VLLM", "slow:20")
    with pytest.raises(ServerError, match=r"not ready after .* s \(.*serve\.start_timeout"):
        vllm.start(changed(managed, start_timeout=0.5))
    assert isinstance(vllm.status(managed), Starting)


@pytest.mark.slow
def test_two_homes_have_two_servers(managed: Settings, tmp_path: Path) -> None:
    other = changed(managed.model_copy(update={"home": tmp_path / "second"}), port=free_port())
    try:
        assert vllm.start(managed).pid != vllm.start(other).pid
        assert vllm.stop(other) and isinstance(vllm.status(managed), Server)
    finally:
        vllm.stop(other)


def merged(settings: Settings, tmp_path: Path, name: str) -> ModelFolder:
    folder = tmp_path / name
    shutil.copytree(settings.generate.model, folder)
    return ModelFolder(f"{name}@01234567", folder, "0123456789abcdef")


@pytest.mark.slow
def test_a_home_has_one_server_of_each_name(managed: Settings, tmp_path: Path) -> None:
    folder = merged(managed, tmp_path, "one")
    base, other = vllm.start(managed), vllm.start(managed, name="adapter-one", folder=folder)
    assert other.served == ("one@01234567",) and base.served == (managed.generate.model,) and other.url != base.url
    assert vllm.start(managed, name="adapter-one", folder=folder) == other == vllm.status(managed, name="adapter-one")
    assert other.log != base.log and "adapter-one" in other.log.name and state.names(managed.home) == ["base", "adapter-one"]
    assert vllm.stop(managed, name="adapter-one") is True and vllm.status(managed) == base and len(ours(managed)) == 2
    assert vllm.stop(managed, name="adapter-one") is False


@pytest.mark.slow
def test_stop_without_a_name_ends_every_server(managed: Settings, tmp_path: Path) -> None:
    vllm.start(managed)
    vllm.start(managed, name="adapter-one", folder=merged(managed, tmp_path, "one"))
    assert vllm.stop(managed) is True and ours(managed) == [] and state.names(managed.home) == []


def test_a_server_of_an_adapter_leaves_the_base_models_port_free(managed: Settings, tmp_path: Path) -> None:
    vllm.start(managed, name="adapter-one", folder=merged(managed, tmp_path, "one"))
    assert vllm.status(managed) is None
    assert vllm.start(managed).url == f"http://127.0.0.1:{managed.serve.port}/v1"


@pytest.mark.slow
def test_a_named_server_that_dies_leaves_the_base_one_alone(managed: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = vllm.start(managed)
    monkeypatch.setenv("FAKE_VLLM", "die:ValueError: too bad")
    with pytest.raises(ServerError, match="too bad"):
        vllm.start(managed, name="adapter-one", folder=merged(managed, tmp_path, "one"))
    assert vllm.status(managed) == base and state.names(managed.home) == ["base"]


def until(condition: object, seconds: float = 10.0) -> bool:
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return bool(condition())
