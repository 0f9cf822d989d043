"""`atlas serve`, with a stand-in for vLLM."""

from __future__ import annotations

import json
import re
import socket

import pytest

from rag.serve import processes, state
from rag.settings import Settings
from tests.rag.serve.conftest import managed as managed  # a fixture
from ui.cli import run
from ui.session import loaded


def atlas(settings: Settings, *arguments: str) -> int:
    loaded.cache_clear()
    sets = [f"generate.model={settings.generate.model}", f"serve.port={settings.serve.port}", "models.hub=false", "generate.backend=vllm"]
    return run(["--home", str(settings.home), *(word for pair in sets for word in ("--set", pair)), "serve", *arguments])


@pytest.mark.usefixtures("managed")
class TestServe:
    @pytest.fixture
    def settings(self, request: pytest.FixtureRequest) -> Settings:
        found: Settings = request.getfixturevalue("managed")
        return found

    @pytest.mark.slow
    def test_start_status_and_stop(self, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
        assert atlas(settings, "--status") == 3 and "Start it: atlas serve" in capsys.readouterr().out
        assert atlas(settings) == 0
        assert re.search(r"is served at http://127\.0\.0\.1:\d+/v1 \(pid \d+\)\. Log: .*\.log", capsys.readouterr().out)
        assert atlas(settings, "--status", "--json") == 0
        assert json.loads(capsys.readouterr().out)["state"] == "ready"
        assert atlas(settings, "--stop") == 0 and "is stopped" in capsys.readouterr().out
        assert atlas(settings, "--stop") == 0 and "No model server was running" in capsys.readouterr().out

    def test_a_taken_port_is_said(self, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", settings.serve.port))
            other.listen(1)
            assert atlas(settings) == 0
        assert f"Port {settings.serve.port} is taken by another program" in capsys.readouterr().err

    @pytest.mark.slow
    def test_foreground_shows_the_log_and_says_why_the_server_ended(
        self, settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FAKE_VLLM", "die:ValueError: too bad")
        assert atlas(settings, "--foreground") == 2
        printed = capsys.readouterr()
        assert "ValueError: too bad" in printed.out and "The model server died" in printed.err
        assert not processes.marked(state.mark_of(settings.home))

    def test_options_that_exclude_each_other_are_refused(self, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
        assert atlas(settings, "--stop", "--status") == 2 and "exclude each other" in capsys.readouterr().err
