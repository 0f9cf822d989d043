"""Fetching from a hub: the real client against a small hub on loopback."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rag.errors import ModelError
from rag.models import hub, manifest
from rag.models.folder import resolve
from rag.settings import Settings

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILES = {
    "config.json": b'{"model_type": "llama"}',
    "tokenizer.json": b"{}",
    "model.safetensors": b"weights" * 100,
    "pytorch_model.bin": b"a pickle",
    "onnx/model.onnx": b"another format",
    "1_Pooling/config.json": b"{}",
}


class Hub(ThreadingHTTPServer):
    """One repository, `someone/model`; `asked` lists the requests; `refuse` answers everything under the API with that status."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.asked: list[str] = []
        self.files = dict(FILES)
        self.refuse: tuple[int, str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answers(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self.do_GET(body=False)

    def do_GET(self, *, body: bool = True) -> None:
        self.server.asked.append(f"{self.command} {self.path}")
        path = self.path.split("?")[0]
        if path == "/":
            self._send(200, b"")
        elif self.server.refuse and path.startswith("/api/"):
            self._send(self.server.refuse[0], b"", {"X-Error-Code": self.server.refuse[1]})
        elif path.startswith("/api/models/someone/model/tree/"):
            rows = [{"type": "file", "path": name, "size": len(data), "oid": "0" * 40} for name, data in self.server.files.items()]
            self._send(200, json.dumps(rows).encode(), {"Content-Type": "application/json"})
        elif path.startswith("/api/models/someone/model"):
            facts = {"id": "someone/model", "sha": COMMIT, "siblings": [{"rfilename": name} for name in self.server.files], "tags": []}
            self._send(200, json.dumps(facts).encode(), {"Content-Type": "application/json"})
        elif (name := path.partition(f"/someone/model/resolve/{COMMIT}/")[2]) in self.server.files:
            data = self.server.files[name]
            headers = {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Repo-Commit": COMMIT, "X-Linked-Size": str(len(data))}
            self._send(200, data if body else b"", headers, length=len(data))
        else:
            self._send(404, b"", {"X-Error-Code": "RepoNotFound"})

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None, *, length: int | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body) if length is None else length)}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.fixture
def small_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    from huggingface_hub import constants

    server = Hub()
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    hub.reachable.cache_clear()
    yield server
    server.shutdown()
    server.server_close()
    hub.reachable.cache_clear()


@pytest.fixture
def online(settings: Settings) -> Settings:
    return Settings.model_validate({**settings.model_dump(), "models": {"hub": True}})


def test_any_hub_id_works_without_being_in_the_catalogue(small_hub: Hub, online: Settings) -> None:
    found = resolve("someone/model", online)
    assert found.path == online.home / "models" / "someone--model" and found.revision == COMMIT[:16]
    assert (found.path / "model.safetensors").read_bytes() == FILES["model.safetensors"]
    assert manifest.verify(found.path) == []


def test_only_safetensors_configuration_and_tokenizer_are_taken(small_hub: Hub, online: Settings) -> None:
    folder = resolve("someone/model", online).path
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert names == {"config.json", "tokenizer.json", "model.safetensors", "1_Pooling/config.json", manifest.FILE}
    assert not [asked for asked in small_hub.asked if ".bin" in asked or "onnx" in asked]


def test_the_download_reports_its_megabytes_and_draws_nothing(small_hub: Hub, online: Settings, capfd: pytest.CaptureFixture[str]) -> None:
    small_hub.files["model.safetensors"] = bytes(3 << 20)
    said: list[tuple[str, int, int]] = []
    resolve("someone/model", online, progress=lambda stage, done, total: said.append((stage, done, total)))
    assert ("downloading someone/model from the hub (MB)", 3, 3) in said
    assert capfd.readouterr().err == ""


def test_a_model_that_was_fetched_is_not_asked_for_again(small_hub: Hub, online: Settings) -> None:
    resolve("someone/model", online)
    asked = len(small_hub.asked)
    assert resolve("someone/model", online).revision == COMMIT[:16]
    assert len(small_hub.asked) == asked


def test_a_model_that_the_hub_does_not_have_is_one_line(small_hub: Hub, online: Settings) -> None:
    with pytest.raises(ModelError, match="The hub has no model 'someone/else'"):
        resolve("someone/else", online)


def test_a_model_behind_a_licence_says_so(small_hub: Hub, online: Settings) -> None:
    small_hub.refuse = (403, "GatedRepo")
    with pytest.raises(ModelError, match="needs its licence to be accepted"):
        resolve("someone/model", online)


def test_a_hub_that_is_ill_counts_as_not_there(small_hub: Hub, online: Settings) -> None:
    small_hub.refuse = (503, "")
    with pytest.raises(ModelError, match="cannot be reached for 'someone/model'"):
        resolve("someone/model", online)


def test_a_model_with_pickled_weights_only_is_refused(small_hub: Hub, online: Settings) -> None:
    del small_hub.files["model.safetensors"]
    with pytest.raises(ModelError, match="has no safetensors weights"):
        resolve("someone/model", online)
    assert not (online.home / "models" / "someone--model").exists()


def test_a_model_in_the_hubs_own_cache_is_used_offline(small_hub: Hub, settings: Settings, tmp_path: Path) -> None:
    snapshot = tmp_path / "cache" / "models--someone--model" / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    for name in ("config.json", "model.safetensors"):
        (snapshot / name).write_bytes(FILES[name])
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text(COMMIT, encoding="utf-8")
    found = resolve("someone/model", settings, fetch=False)
    assert found.path.name == COMMIT and found.revision == COMMIT[:16] and not small_hub.asked
