"""A stand-in for vLLM that is found first, and settings whose server is ended after each test."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.serve import processes, state, vllm
from rag.settings import Settings

FAKE = Path(__file__).with_name("fake_vllm.py")


@pytest.fixture
def managed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Settings with the backend vllm, a model folder of no weight, and a free port; `python -m vllm...` runs the stand-in."""
    package = tmp_path / "path" / "vllm" / "entrypoints" / "openai"
    package.mkdir(parents=True)
    for folder in (package, package.parent, package.parent.parent):
        (folder / "__init__.py").touch()
    shutil.copy(FAKE, package / "api_server.py")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "path"))
    monkeypatch.delenv("FAKE_VLLM", raising=False)
    monkeypatch.setattr(vllm, "POLL", 0.02)
    monkeypatch.setattr(processes, "ORPHAN_GRACE", 0.1)
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    (model / "model.safetensors").write_bytes(b"weights")
    settings = Settings.model_validate(
        {"home": tmp_path / "home", "generate": {"model": str(model)}, "serve": {"port": free_port(), "start_timeout": 30}}
    )
    yield settings
    processes.end(processes.marked(state.mark_of(settings.home)), grace=0)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
