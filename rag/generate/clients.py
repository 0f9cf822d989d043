"""LangChain's chat client and the HTTP client under it, one pair per event loop, their connections reused.

A connection belongs to the event loop that opened it, and synchronous callers bring a new loop with every asyncio.run.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import httpx

if TYPE_CHECKING:
    from langchain_openai import ChatOpenAI

    from rag.settings import Generate

CONNECT_SECONDS = 5.0


@dataclass(slots=True)
class _Pair:
    http: httpx.AsyncClient
    end: AsyncGenerator[None, None]
    url: str = ""
    chat: ChatOpenAI | None = None


async def _until_the_loop_ends(client: httpx.AsyncClient) -> AsyncGenerator[None, None]:
    """An event loop closes its open generators before it ends (asyncio.run does): that is where connections are closed."""
    try:
        yield
    finally:
        await client.aclose()


class Clients:
    """Made by the settings of generation."""

    def __init__(self, generate: Generate) -> None:
        self._generate = generate
        self._pairs: WeakKeyDictionary[asyncio.AbstractEventLoop, _Pair] = WeakKeyDictionary()

    async def http(self) -> httpx.AsyncClient:
        """The HTTP client of the running event loop. Its read timeout is the longest wait for the next token."""
        return (await self._pair()).http

    async def chat(self, url: str) -> ChatOpenAI:
        """The chat client for this URL; made again when the server moved."""
        pair = await self._pair()
        if pair.chat is None or pair.url != url:
            pair.url, pair.chat = url, self._open(url, pair.http)
        return pair.chat

    async def close(self) -> None:
        """Close the connections of the running event loop."""
        pair = self._pairs.pop(asyncio.get_running_loop(), None)
        if pair is not None:
            await pair.end.aclose()

    async def _pair(self) -> _Pair:
        loop = asyncio.get_running_loop()
        if loop not in self._pairs:
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=64)
            client = httpx.AsyncClient(timeout=self._timeout(), limits=limits)
            self._pairs[loop] = pair = _Pair(client, _until_the_loop_ends(client))
            await anext(pair.end)
        return self._pairs[loop]

    def _timeout(self) -> httpx.Timeout:
        return httpx.Timeout(connect=CONNECT_SECONDS, read=self._generate.timeout, write=30.0, pool=None)

    def _open(self, url: str, http: httpx.AsyncClient) -> ChatOpenAI:
        from langchain_openai import ChatOpenAI
        from pydantic import SecretStr

        return ChatOpenAI(
            model=self._generate.model,
            base_url=url,
            api_key=SecretStr(os.environ.get(self._generate.api_key_env) or "none"),
            http_async_client=http,
            max_retries=0,
            stream_usage=True,
            stream_chunk_timeout=None,  # httpx's read timeout says the same, without a task per token
            timeout=self._timeout(),
        )
