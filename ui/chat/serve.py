"""Serving the page on this machine: a free port, our own style and script, a guard at the door, and nothing from anywhere else."""

from __future__ import annotations

import errno
import hashlib
import re
import secrets
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
import uvicorn
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from rag.errors import ServerError
from ui.guard.guard import Guard
from ui.guard.login import user_of

Endpoint = Callable[[Request], Awaitable[Response]]

FILES = Path(__file__).parent
PORTS = 50
"""How many ports are tried, from the one asked for."""
HEAD = '<link rel="stylesheet" href="atlas/style.css"><script src="atlas/page.js" defer></script>'
POLICY = (
    # Gradio compiles its templates in the browser, hence 'unsafe-eval'; scripts written into the page do not run without the nonce.
    "default-src 'self'; script-src 'self' 'unsafe-eval' 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self'; frame-src 'self'; object-src 'none'; base-uri 'self'; form-action 'none'; "
    "frame-ancestors 'none'"
)
SHOWN_INSIDE = (
    # What our own routes send as HTML (a report) is a still picture: no script, no link to elsewhere that loads, only in our own frame.
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
EVERYWHERE = {
    "x-content-type-options": "nosniff", "referrer-policy": "same-origin", "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin", "permissions-policy": "camera=(), geolocation=(), microphone=()",
}  # fmt: skip
OURS = "/atlas/"
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


def serve(
    blocks: gr.Blocks,
    host: str,
    port: int,
    *,
    styles: str = "",
    routes: Sequence[tuple[str, Endpoint]] = (),
    guard: Guard | None = None,
) -> Serving:
    """Serve in a thread of its own; returns when the page answers. Raises ServerError when no port is free or the host is not ours.

    `styles` go after the style sheet of the page; `routes` are further pages of ours, below /atlas/; `guard`: who may come in
    and with how much (default: whoever reaches this host).
    """
    guard = guard or Guard(host=host)
    listening = _listen(host, port)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    sheet = (FILES / "style.css").read_text(encoding="utf-8") + styles
    script = (FILES / "page.js").read_text(encoding="utf-8")
    app.add_route(f"{OURS}style.css", partial(_send, sheet.encode(), "text/css"))
    app.add_route(f"{OURS}page.js", partial(_send, script.encode(), "text/javascript"))
    for path, endpoint in routes:
        app.add_route(path, endpoint)
    theme = gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
    gr.mount_gradio_app(
        app, blocks, path="/", server_name=host, server_port=port, theme=theme, footer_links=[], run_history=False, ssr_mode=False,
        mcp_server=False, pwa=False, enable_monitoring=False, max_file_size=int(guard.upload_mb * 1e6), show_error=False,
        auth_dependency=user_of if guard.users else None,
    )  # fmt: skip
    guarded = Headers(guard.around(OwnPage(app)))
    server = uvicorn.Server(uvicorn.Config(guarded, log_level="critical", timeout_graceful_shutdown=1, ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="page", daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise ServerError(f"The page could not be served at {host}:{port}.", "Start with --verbose to see why.")
        time.sleep(0.02)
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
    return Serving(f"http://{shown}:{listening.getsockname()[1]}/", server, thread)


async def _send(content: bytes, kind: str, request: Request) -> Response:
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    headers = {"cache-control": "no-cache", "etag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=kind, headers=headers)


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


class Headers:
    """ASGI middleware, the outermost: every response says what a browser may do with it."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        inside = scope["path"].startswith(OURS)

        async def headed(message: Any) -> None:
            if message["type"] == "http.response.start":
                known = {key.lower() for key, _ in message["headers"]}
                own = {**EVERYWHERE, "x-frame-options": "SAMEORIGIN" if inside else "DENY"}
                if inside and _is_html(message):
                    own |= {"content-security-policy": SHOWN_INSIDE, "cache-control": "no-store"}
                more = [(key.encode(), value.encode()) for key, value in own.items() if key.encode() not in known]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        await self.app(scope, receive, headed)


class OwnPage:
    """ASGI middleware: Gradio's page gets our style and script, loses what points to other hosts, and carries a content-security policy."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"].startswith(OURS):
            await self.app(scope, receive, send)
            return
        held: list[Any] = []

        async def looked_at(message: Any) -> None:
            if message["type"] == "http.response.start" and _is_html(message):
                held.append(message)
            elif held:
                held.append(message)
                if not message.get("more_body"):
                    for ready in _rewritten(held):
                        await send(ready)
            else:
                await send(message)

        await self.app(scope, receive, looked_at)


def _is_html(start: Any) -> bool:
    return any(key.lower() == b"content-type" and value.startswith(b"text/html") for key, value in start["headers"])


def _rewritten(held: list[Any]) -> list[Any]:
    start, *bodies = held
    nonce = secrets.token_urlsafe(16)
    page = b"".join(each.get("body", b"") for each in bodies).decode()
    page = ELSEWHERE.sub("", page).replace("</head>", f"{HEAD}</head>", 1).replace("<script", f'<script nonce="{nonce}"')
    body = page.encode()
    kept = [(key, value) for key, value in start["headers"] if key != b"content-length"]
    own = {"content-length": str(len(body)), "content-security-policy": POLICY.format(nonce=nonce), "cache-control": "no-store"}
    headers = kept + [(key.encode(), value.encode()) for key, value in own.items()]
    return [{**start, "headers": headers}, {"type": "http.response.body", "body": body}]
