"""The login: a page of its own, a cookie, and nothing of the workbench (pages, files, events, reports) without it."""

from __future__ import annotations

import asyncio
import hashlib
import math
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from rag.errors import InputError
from ui.chat.text import preferred
from ui.guard.attempts import Attempts
from ui.guard.text import TEXTS, Text
from ui.guard.users import Users

LOGIN, LOGOUT, SHEET = "/atlas/login", "/atlas/logout", "/atlas/login.css"
STAYS = 12 * 3600.0
"""Seconds without a request after which one has to log in again."""
CHECKS = 2
"""Passwords compared at once: each takes a core for a quarter of a second."""
FORM = 4096
POLICY = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"


def user_of(request: Request) -> str | None:
    """Who asks: what Gradio puts into `gr.Request.username`."""
    user: str | None = request.scope.get("atlas.user")
    return user


@dataclass(slots=True)
class Visit:
    """Somebody logged in. `hashed`: the password's hash then; when it changes, the visit is over."""

    name: str
    hashed: str
    until: float


@dataclass(slots=True)
class Login:
    """ASGI middleware. Visits live in memory: when the page restarts, everybody logs in again."""

    app: Any
    users: Users
    language: str = "auto"
    attempts: Attempts = field(default_factory=Attempts)
    clock: Callable[[], float] = time.monotonic
    visits: dict[str, Visit] = field(default_factory=dict)
    _checks: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CHECKS))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        visit = self._visit(request)
        if scope["path"] in (LOGIN, LOGOUT, SHEET):
            response = await self._ours(request, visit)
        elif visit is None:
            response = RedirectResponse(LOGIN, 303) if scope["path"] == "/" else PlainTextResponse("Log in first.", status_code=401)
        else:
            scope["atlas.user"] = visit.name
            await self.app(scope, receive, send)
            return
        await response(scope, receive, send)

    def _visit(self, request: Request) -> Visit | None:
        """The visit that the cookie names, if it still holds."""
        key = _key(request.cookies.get(_cookie(request), ""))
        visit, now = self.visits.get(key), self.clock()
        if visit is None:
            return None
        if now > visit.until or self._hashed(visit.name) != visit.hashed:
            self.visits.pop(key, None)
            return None
        visit.until = now + STAYS
        return visit

    def _hashed(self, name: str) -> str:
        try:
            return self.users.all().get(name, "")
        except InputError:  # the file is gone or being edited: nobody is in
            return ""

    async def _ours(self, request: Request, visit: Visit | None) -> Response:
        text = TEXTS[preferred(request.headers.get("accept-language", ""), self.language)]
        path, posted = request.scope["path"], request.method == "POST"
        if path == SHEET:
            sheet = Path(__file__).with_name("login.css").read_text(encoding="utf-8")
            return Response(sheet, media_type="text/css", headers={"cache-control": "no-cache"})
        if path == LOGIN:
            return await self._enter(request, text) if posted else _page(text, _form(text))
        if posted:
            self.visits.pop(_key(request.cookies.get(_cookie(request), "")), None)
            response = RedirectResponse(LOGIN, 303)
            response.delete_cookie(_cookie(request))
            return response
        return _page(text, _leaving(text, visit.name)) if visit else RedirectResponse(LOGIN, 303)

    async def _enter(self, request: Request, text: Text) -> Response:
        fields = await _fields(request)
        name, password = fields.get("name", "").strip(), fields.get("password", "")
        address = request.client.host if request.client else ""
        wait = self.attempts.begin(address, name)
        if wait:
            seconds = str(math.ceil(wait))
            return _page(text, _form(text, text.wait.format(seconds)), status=429, headers={"retry-after": seconds})
        async with self._checks:
            right = await asyncio.to_thread(self._admits, name, password)
        if not right:
            return _page(text, _form(text, text.wrong), status=401)
        self.attempts.passed(address, name)
        return self._welcome(request, name)

    def _admits(self, name: str, password: str) -> bool:
        try:
            return self.users.admits(name, password)
        except InputError:
            return False

    def _welcome(self, request: Request, name: str) -> Response:
        now, token = self.clock(), secrets.token_urlsafe(32)
        self.visits = {key: visit for key, visit in self.visits.items() if visit.until > now}
        self.visits[_key(token)] = Visit(name, self._hashed(name), now + STAYS)
        response = RedirectResponse("/", 303)
        response.set_cookie(_cookie(request), token, httponly=True, samesite="lax", secure=request.url.scheme == "https")
        return response


def _cookie(request: Request) -> str:
    """Cookies do not know ports: two Atlases on one machine must not share one."""
    return f"atlas-{(request.scope.get('server') or ('', 0))[1]}"


def _key(token: str) -> str:
    """Visits are looked up by a hash of the cookie: how long that takes says nothing about other cookies."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


async def _fields(request: Request) -> dict[str, str]:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > FORM:
            return {}
    found = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=8)
    return {key: values[0] for key, values in found.items()}


def _form(text: Text, problem: str = "") -> str:
    said = f'<p class="problem" role="alert"><span aria-hidden="true">!</span> {escape(problem)}</p>' if problem else ""
    name = 'name="name" autocomplete="username" autocapitalize="none" spellcheck="false" maxlength="64" required autofocus'
    password = 'name="password" type="password" autocomplete="current-password" maxlength="200" required'
    return (
        f'{said}<form method="post" action="{LOGIN}"><label>{escape(text.name)}<input {name}></label>'
        f"<label>{escape(text.password)}<input {password}></label><button>{escape(text.enter)}</button></form>"
    )


def _leaving(text: Text, name: str) -> str:
    return (
        f'<p>{escape(text.leave_why.format(name))}</p><form method="post" action="{LOGOUT}"><button>{escape(text.leave)}</button></form>'
        f'<a href="/">{escape(text.back)}</a>'
    )


def _page(text: Text, inside: str, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    page = (
        f'<!doctype html><html lang="{text.code}"><head>{head}<title>{escape(text.title)}</title>'
        f'<link rel="stylesheet" href="{SHEET}"></head>'
        f'<body><main><h1><span aria-hidden="true"></span>{escape(text.title)}</h1>{inside}</main></body></html>'
    )
    own = {"content-security-policy": POLICY, "cache-control": "no-store", "x-frame-options": "DENY"}
    return HTMLResponse(page, status_code=status, headers=own | (headers or {}))
