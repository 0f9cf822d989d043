"""Where a request comes from and how large it is: no other site's page may use this one, and nobody can fill the memory."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse

BODY_MB = 8.0
"""Largest request that is not an upload."""
UPLOADS_AT_ONCE = 10
"""An upload of several files may be so many times as large as one file may be."""
UPLOAD = "/gradio_api/upload"
CLOSED = (
    *("/gradio_api/proxy=", "/gradio_api/stream", "/gradio_api/process_recording", "/gradio_api/vibe", "/gradio_api/undo-vibe"),
    *("/gradio_api/run-history", "/gradio_api/profiling", "/gradio_api/dev", "/gradio_api/deep_link", "/gradio_api/openapi"),
    *("/monitoring", "/pwa_icon", "/manifest.json", "/login", "/logout"),
)
"""Doors of Gradio's that this page has no use for: some fetch from other hosts, some ask for no login."""


class TooLarge(Exception):
    """A body grew beyond what was allowed while it came in."""


class Door:
    """ASGI middleware. `host`: what the page is bound to; on loopback it answers for this machine's own names only (DNS rebinding)."""

    def __init__(self, app: Any, host: str, upload_mb: float) -> None:
        self.app = app
        self.names = {"localhost", "127.0.0.1", "::1", host.casefold()} if is_loopback(host) else set[str]()
        self.most, self.most_upload = int(BODY_MB * 1e6), int(max(upload_mb * UPLOADS_AT_ONCE, BODY_MB) * 1e6)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}
        refused = self._refusal(scope, headers)
        if refused:
            status, line = refused
            await PlainTextResponse(line, status_code=status, headers={"connection": "close"})(scope, receive, send)
            return
        begun = False

        async def watched(message: Any) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, _counted(receive, self._most(scope)), watched)
        except TooLarge:
            if begun:
                raise
            await PlainTextResponse("The request is too large.", status_code=413, headers={"connection": "close"})(scope, receive, send)

    def _most(self, scope: Any) -> int:
        return self.most_upload if scope["path"].startswith(UPLOAD) else self.most

    def _refusal(self, scope: Any, headers: Mapping[str, str]) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if self.names and _name(host) not in self.names:
            return 421, "This page answers for the machine it runs on only: open it as http://127.0.0.1 with its port."
        if scope["path"].startswith(CLOSED):
            return 404, "Not found."
        if scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return None
        if not _same_origin(headers, host):
            return 403, "This request came from another site's page."
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._most(scope):
            return 413, "The request is too large."
        return None


def is_loopback(host: str) -> bool:
    if host.casefold() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _name(host: str) -> str:
    """Of a Host header, without its port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:  # brackets that do not match
        return ""


def _same_origin(headers: Mapping[str, str], host: str) -> bool:
    """Browsers say where a POST comes from; a program that says nothing has no login of somebody else's to misuse."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site not in ("same-origin", "none"):
        return False
    if origin is None:
        return True
    if origin == "null":
        return site == "same-origin"
    try:
        return urlsplit(origin).netloc.casefold() == host.casefold()
    except ValueError:
        return False


def _counted(receive: Any, most: int) -> Any:
    came = 0

    async def counting() -> Any:
        nonlocal came
        message = await receive()
        came += len(message.get("body", b""))
        if came > most:
            raise TooLarge
        return message

    return counting
