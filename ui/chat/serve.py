"""Serving the page on this machine: a free port, our own style and script, and nothing from anywhere else."""

from __future__ import annotations

import errno
import re
import secrets
import socket
import threading
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
import uvicorn
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import FileResponse

from rag.errors import ServerError

FILES = Path(__file__).parent
PORTS = 50
"""How many ports are tried, from the one asked for."""
HEAD = '<link rel="stylesheet" href="atlas/style.css"><script src="atlas/page.js" defer></script>'
POLICY = (
    # Gradio compiles its templates in the browser, hence 'unsafe-eval'; scripts written into the page do not run without the nonce.
    "default-src 'self'; script-src 'self' 'unsafe-eval' 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'"
)
ELSEWHERE = re.compile(r'<meta\s[^>]*content="https?://[^>]*>|<link rel="manifest"[^>]*>')
"""What Gradio's page says about other hosts."""


@dataclass(slots=True)
class Serving:
    """A page being served; `stop` frees the port."""

    url: str
    server: uvicorn.Server
    thread: threading.Thread

    def stop(self) -> None:
        self.server.should_exit = self.server.force_exit = True  # open pages keep a connection: it would be waited for
        self.thread.join(timeout=5)


def serve(blocks: gr.Blocks, host: str, port: int) -> Serving:
    """Serve in a thread of its own; returns when the page answers. Raises ServerError when no port is free or the host is not ours."""
    listening = _listen(host, port)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    for name in ("style.css", "page.js"):
        app.add_route(f"/atlas/{name}", partial(_file, FILES / name))
    theme = gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
    gr.mount_gradio_app(
        app, blocks, path="/", server_name=host, server_port=port, theme=theme, footer_links=[], run_history=False, ssr_mode=False,
        mcp_server=False, pwa=False, enable_monitoring=False, max_file_size="1kb", show_error=False,
    )  # fmt: skip
    config = uvicorn.Config(OwnPage(app), log_level="critical", timeout_graceful_shutdown=1, ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="page", daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise ServerError(f"The page could not be served at {host}:{port}.", "Start with --verbose to see why.")
        time.sleep(0.02)
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host
    return Serving(f"http://{shown}:{listening.getsockname()[1]}/", server, thread)


async def _file(file: Path, request: Request) -> FileResponse:
    return FileResponse(file, headers={"cache-control": "no-cache"})


def _listen(host: str, port: int) -> socket.socket:
    """A socket on the first free port from `port` on."""
    for candidate in range(port, min(port + PORTS, 65536)):
        listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, candidate))
            listening.listen(128)
        except OSError as exc:
            listening.close()
            if exc.errno not in (errno.EADDRINUSE, errno.EACCES):  # the next one may do
                what = f"Cannot open the page at {host}:{port}: {exc.strerror or exc}."
                raise ServerError(what, "Check ui.host in the settings.") from exc
            continue
        return listening
    raise ServerError(f"No free port from {port} to {port + PORTS - 1} on {host}.", "Set another: --set ui.port=9000.")


class OwnPage:
    """ASGI middleware: HTML pages get our style and script, lose what points to other hosts, and carry a content-security policy."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        held: list[Any] = []

        async def looked_at(message: Any) -> None:
            if message["type"] == "http.response.start":
                kind = dict(message["headers"]).get(b"content-type", b"")
                if kind.startswith(b"text/html"):
                    held.append(message)
                    return
            elif held:
                held.append(message)
                if not message.get("more_body"):
                    for ready in _rewritten(held):
                        await send(ready)
                return
            await send(message)

        await self.app(scope, receive, looked_at)


def _rewritten(held: list[Any]) -> list[Any]:
    start, *bodies = held
    nonce = secrets.token_urlsafe(16)
    page = b"".join(each.get("body", b"") for each in bodies).decode()
    page = ELSEWHERE.sub("", page).replace("</head>", f"{HEAD}</head>", 1).replace("<script", f'<script nonce="{nonce}"')
    body = page.encode()
    kept = [(key, value) for key, value in start["headers"] if key != b"content-length"]
    own = {
        "content-length": str(len(body)), "content-security-policy": POLICY.format(nonce=nonce), "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff", "cache-control": "no-store",
    }  # fmt: skip
    headers = kept + [(key.encode(), value.encode()) for key, value in own.items()]
    return [{**start, "headers": headers}, {"type": "http.response.body", "body": body}]
