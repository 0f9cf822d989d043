"""A small server that speaks the OpenAI chat protocol and judges by rules, so that what it must say is known beforehand."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Rule = Callable[[str], "str | int"]
"""Prompt -> what the judge says, or the HTTP status that it fails with."""


@dataclass
class Asked:
    """What came in: whole requests, in the order of their coming."""

    requests: list[dict[str, Any]] = field(default_factory=list)

    @property
    def prompts(self) -> list[str]:
        return [request["messages"][-1]["content"] for request in self.requests]

    def about(self, words: str) -> list[str]:
        return [prompt for prompt in self.prompts if words in prompt]


def part(prompt: str, tag: str) -> str:
    """What stands in a fence, as a judge sees it: up to the first thing that closes it."""
    found = re.search(rf"<{tag}>\n(.*?)\n</{tag}>", prompt, flags=re.DOTALL)
    return found[1] if found else ""


def fair(prompt: str) -> str:
    """Prefers the reply that holds an accepted answer; a statement is supported when its last word stands in the passages."""
    if "<statement>" in prompt:
        word = part(prompt, "statement").rstrip(" .").split()[-1].lower()
        return "YES" if word in part(prompt, "passages").lower() else "NO"
    accepted = [answer.lower() for answer in part(prompt, "accepted").split(" | ")]
    right = [any(answer in part(prompt, reply).lower() for answer in accepted) for reply in ("reply_a", "reply_b")]
    return f"One of them holds it.\nVERDICT: {'TIE' if right[0] == right[1] else 'A' if right[0] else 'B'}"


@contextmanager
def judging(rule: Rule = fair, *, model: str = "judge") -> Iterator[tuple[str, Asked]]:
    """The address to give as --judge, and what was asked."""
    asked = Asked()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

        def do_GET(self) -> None:
            self._send(200, {"object": "list", "data": [{"id": model, "object": "model"}]})

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                asked.requests.append(request)
            said = rule(request["messages"][-1]["content"])
            if isinstance(said, int):
                self._send(said, {"error": {"message": "broken", "code": said}})
                return
            chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": model}
            pieces = [{"index": 0, "delta": {"role": "assistant", "content": said}, "finish_reason": None}]
            pieces.append({"index": 0, "delta": {}, "finish_reason": "stop"})
            lines = [f"data: {json.dumps({**chunk, 'choices': [piece]})}\n\n" for piece in pieces]
            self._write(200, "text/event-stream", "".join([*lines, "data: [DONE]\n\n"]).encode())

        def _send(self, status: int, content: dict[str, Any]) -> None:
            self._write(status, "application/json", json.dumps(content).encode())

        def _write(self, status: int, kind: str, data: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1#{model}", asked
    finally:
        server.shutdown()
        server.server_close()
