"""A small server that speaks the OpenAI protocol and misbehaves when told to. Its words are those of the scripted generator."""

from __future__ import annotations

import json
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from rag.generate.scripted import TOKEN, answer
from rag.generate.stop import StopFilter
from rag.types import Message


@dataclass
class Behaviour:
    """What the server does. `statuses`: codes of the first requests; `die_after`: cut the connection after so many tokens."""

    models: tuple[str, ...] = ("fake", "adapter")
    limit: int = 1000
    delay: float = 0.0
    statuses: list[int] = field(default_factory=list)
    die_after: int | None = None
    hang_after: int | None = None
    usage: bool = True
    requests: list[dict[str, Any]] = field(default_factory=list)
    running: int = 0
    aborted: int = 0


class FakeServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, behaviour: Behaviour, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.behaviour = behaviour
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is part of the tests."""


@contextmanager
def serving(behaviour: Behaviour, port: int = 0) -> Iterator[FakeServer]:
    server = FakeServer(behaviour, port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeServer

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        if self.path.endswith("/models"):
            self._json(200, {"object": "list", "data": [{"id": name, "object": "model"} for name in self.server.behaviour.models]})
        else:
            self._json(200 if self.path == "/health" else 404, {})

    def do_POST(self) -> None:
        does = self.server.behaviour
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            does.requests.append(asked)
            status = does.statuses.pop(0) if does.statuses else 200
        prompt = sum(len(TOKEN.findall(message["content"])) for message in asked["messages"])
        if status != 200:
            self._json(status, {"error": {"message": "busy", "code": status}})
        elif asked["model"] not in does.models:
            self._json(404, {"error": {"message": f"The model `{asked['model']}` does not exist.", "code": 404}})
        elif prompt >= does.limit:
            words = f"This model's maximum context length is {does.limit} tokens. However, your request has {prompt} input tokens."
            self._json(400, {"error": {"message": words, "type": "BadRequestError", "code": 400}})
        else:
            with self.server.lock:
                does.running += 1
            try:
                self._stream(asked, prompt)
            finally:
                with self.server.lock:
                    does.running -= 1

    def _stream(self, asked: dict[str, Any], prompt: int) -> None:
        does = self.server.behaviour
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        said = answer([Message(message["role"], message["content"]) for message in asked["messages"]])
        tokens = TOKEN.findall(f"({asked['model']}) {said}" if asked["model"] == "adapter" else said)
        stop = StopFilter(asked.get("stop") or ())
        used = 0
        self._event({"role": "assistant", "content": ""})
        for token in tokens[: asked["max_tokens"]]:
            self._wait(does.delay)
            if used == does.die_after:
                self.connection.shutdown(socket.SHUT_RDWR)
                raise ConnectionAbortedError
            if used == does.hang_after:
                self._wait(30)
            used += 1
            if shown := stop.feed(token):
                self._event({"content": shown})
            if stop.stopped:
                break
        whole = stop.stopped or len(tokens) <= asked["max_tokens"]
        self._event({"content": stop.rest()}, finish="stop" if whole else "length")
        if does.usage:
            self._chunk({"choices": [], "usage": {"prompt_tokens": prompt, "completion_tokens": used, "total_tokens": prompt + used}})
        self._write("data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def _wait(self, seconds: float) -> None:
        """Sleep, but notice at once when the client hangs up."""
        until = time.monotonic() + seconds
        while True:
            readable, _, _ = select.select([self.connection], [], [], max(0.0, min(0.02, until - time.monotonic())))
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                with self.server.lock:
                    self.server.behaviour.aborted += 1
                raise ConnectionAbortedError
            if time.monotonic() >= until:
                return

    def _event(self, delta: dict[str, str], finish: str | None = None) -> None:
        self._chunk({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    def _chunk(self, content: dict[str, Any]) -> None:
        self._write(f"data: {json.dumps({'id': '1', 'object': 'chat.completion.chunk', 'created': 1, 'model': 'fake', **content})}\n\n")

    def _write(self, text: str) -> None:
        data = text.encode()
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _json(self, status: int, content: dict[str, Any]) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
