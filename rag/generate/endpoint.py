"""Where the model server is: a fixed URL, or whatever address the managed server has just now."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Protocol

from rag.errors import ServerError
from rag.serve import state

if TYPE_CHECKING:
    from rag.settings import Settings

POLL = 0.5


class Unavailable(ServerError):
    """The server does not take a request just now; worth another try."""


class Endpoint(Protocol):
    start: str
    """What the user types to get the server up."""

    async def url(self) -> str:
        """http://host:port/v1. Raises ServerError when there is no server."""

    async def waiting(self) -> str:
        """Empty when the server answers, else one line."""


class Fixed:
    """An endpoint that somebody else runs."""

    start = "atlas serve"

    def __init__(self, url: str) -> None:
        if not url.startswith(("http://", "https://")):
            raise ServerError(f"generate.base_url = {url!r} is not the URL of a server.", "Set it, as in http://host:8000/v1")
        self._url = url.rstrip("/")

    async def url(self) -> str:
        return self._url

    async def waiting(self) -> str:
        import httpx

        try:
            async with httpx.AsyncClient(timeout=3.0) as client:
                code = (await client.get(f"{self._url}/models")).status_code
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            return f"no model server at {self._url}: {exc or type(exc).__name__}"
        return "" if code < 500 else f"the model server at {self._url} is not ready (HTTP {code})"


class Managed:
    """A server of this home. A question that comes while it starts waits for it, up to generate.timeout seconds."""

    def __init__(self, settings: Settings, *, name: str = state.BASE, start: str = "atlas serve") -> None:
        self.start = start
        self._what = "model server" if name == state.BASE else f"model server of '{settings.generate.model}'"
        self._name = name
        self._settings = settings
        self._ready = ""  # the mark of the server that was seen ready: not asked again for every question

    async def url(self) -> str:
        until = time.monotonic() + self._settings.generate.timeout
        while True:
            found = state.read(self._settings.home, self._name)
            if found is None or not found.alive:
                raise Unavailable(f"The {self._what} is not running.", f"Start it: {self.start}")
            if found.mark == self._ready:
                return found.url
            waiting = await self.waiting()
            if not waiting:
                self._ready = found.mark
                return found.url
            if time.monotonic() > until:
                raise ServerError(f"The {waiting}.", "Ask again when it is ready; `atlas serve --status` shows how far it is.")
            await asyncio.sleep(POLL)

    async def waiting(self) -> str:
        from rag.serve.vllm import Server, status

        found = await asyncio.to_thread(status, self._settings, name=self._name)
        if found is None:
            return f"{self._what} is not running: start it with `{self.start}`"
        return "" if isinstance(found, Server) else str(found)
