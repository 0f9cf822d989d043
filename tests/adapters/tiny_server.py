"""Stands in for vLLM in this process: serves tiny models with their real weights, so that identity can be proven and broken."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from adapters.attach import ByMethod
from rag.models.folder import ModelFolder, resolve
from rag.progress import Progress, silent
from rag.serve import lora, state, vllm
from rag.serve.vllm import Server
from rag.settings import Settings


class TinyServer(ThreadingHTTPServer):
    """`models`: served name -> a transformers model; the first one is the base. `delay`: seconds before each token."""

    daemon_threads = True

    def __init__(self, name: str, folder: Path) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        self.open_model: Any = AutoModelForCausalLM.from_pretrained
        self.models: dict[str, Any] = {name: self.open_model(folder)}
        self.delay = 0.0
        self.running = 0
        self.asked: list[str] = []
        self.lock = threading.Lock()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    server: TinyServer

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        if self.path == "/metrics":
            self._send(200, f'vllm:num_requests_running{{engine="0"}} {float(self.server.running)}\n'.encode())
        else:
            self._json(200, {"data": [{"id": name} for name in self.server.models]})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.endswith("unload_lora_adapter"):
            del self.server.models[asked["lora_name"]]
            self._json(200, {})
        elif self.path.endswith("load_lora_adapter"):
            self.server.models[asked["lora_name"]] = ByMethod().attach(self.server.open_model(self.server.folder), Path(asked["lora_path"]))
            self._json(200, {})
        elif asked["model"] not in self.server.models:
            self._json(404, {"error": {"message": f"The model `{asked['model']}` does not exist.", "code": 404}})
        else:
            self.server.asked.append(asked["model"])
            self.server.running += 1
            try:
                self._stream(asked) if asked.get("stream") else self._whole(asked)
            finally:
                self.server.running -= 1

    def _answer(self, asked: dict[str, Any]) -> tuple[str, dict[int, float]]:
        import torch

        model = self.server.models[asked["model"]]
        with self.server.lock, torch.inference_mode():
            given = self.server.tokenizer.apply_chat_template(
                asked["messages"], add_generation_prompt=True, return_tensors="pt", return_dict=True
            )
            top = torch.log_softmax(model(**given).logits[0, -1].float(), dim=-1).topk(20)
            written = model.generate(**given, min_new_tokens=8, max_new_tokens=8, do_sample=False)
        text = self.server.tokenizer.decode(written[0, given["input_ids"].shape[1] :], skip_special_tokens=True)
        return text, dict(zip(top.indices.tolist(), top.values.tolist(), strict=True))

    def _whole(self, asked: dict[str, Any]) -> None:
        text, top = self._answer(asked)
        rows = [{"token": f"token_id:{token}", "logprob": score} for token, score in top.items()]
        first = {"token": "token_id:0", "logprob": 0.0, "top_logprobs": rows}
        choice = {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": text},
            "logprobs": {"content": [first]},
        }
        self._json(200, {"id": "1", "object": "chat.completion", "created": 1, "model": asked["model"], "choices": [choice]})

    def _stream(self, asked: dict[str, Any]) -> None:
        text, _ = self._answer(asked)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for letter in text:
            time.sleep(self.server.delay)
            self._chunk({"choices": [{"index": 0, "delta": {"content": letter}, "finish_reason": None}]})
        self._chunk({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        self._chunk({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}})
        self.wfile.write(b"data: [DONE]\n\n")

    def _chunk(self, content: dict[str, Any]) -> None:
        row = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "tiny", **content}
        self.wfile.write(f"data: {json.dumps(row)}\n\n".encode())
        self.wfile.flush()

    def _json(self, status: int, content: dict[str, Any]) -> None:
        self._send(status, json.dumps(content).encode())

    def _send(self, status: int, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class TinyServers:
    """Every server of a test by its name; `start` and `stop` do what those of `rag.serve.vllm` do."""

    def __init__(self) -> None:
        self.running: dict[str, TinyServer] = {}
        self.stopped: list[str] = []

    def alive(self, pid: int, mark: str) -> bool:
        return mark in {f"mark of {id(server)}" for server in self.running.values()}

    def start(
        self,
        settings: Settings,
        *,
        name: str = state.BASE,
        folder: ModelFolder | None = None,
        progress: Progress = silent,
        wait: bool = True,
    ) -> Server:
        folder = folder or resolve(settings.generate.model, settings)
        if name not in self.running:
            self.running[name] = server = TinyServer(folder.name, folder.path)
            mark, port = f"mark of {id(server)}", server.server_address[1]
            state.write(settings.home, state.State(1, mark, folder.name, "", "127.0.0.1", port, "a log", 0.0), name)
        found = vllm.status(settings, name=name)
        assert isinstance(found, Server)
        return found

    def stop(self, settings: Settings, *, name: str = "") -> bool:
        names = [name] if name else list(self.running)
        for each in names:
            self.kill(each)
            state.forget(settings.home, name=each)
        self.stopped += names
        return bool(names)

    def kill(self, name: str) -> None:
        """As a server that dies: what the home remembers stays."""
        server = self.running.pop(name)
        server.shutdown()
        server.server_close()


@contextmanager
def tiny_servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[TinyServers]:
    """vLLM's start and stop are replaced; its state, its status, its LoRA routes and all requests are the real ones."""
    servers = TinyServers()
    monkeypatch.setattr(state, "alive", servers.alive)
    monkeypatch.setattr(vllm, "start", servers.start)
    monkeypatch.setattr(vllm, "stop", servers.stop)
    monkeypatch.setattr(lora, "LOAD_SECONDS", 30.0)
    yield servers
    for name in list(servers.running):
        servers.kill(name)
