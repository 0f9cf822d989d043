"""The generator of a running assistant: the base model, and every adapter that is loaded, each asked where its route says."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from rag.errors import ServerError
from rag.generate.generator import Generator, Usage, open_generator
from rag.generate.routes import Route, Routes
from rag.progress import Progress, silent
from rag.types import Decoding, Message

if TYPE_CHECKING:
    from rag.settings import Settings


class RoutedGenerator:
    """`adapter` is the name of an adapter; routes are looked up for every answer, so that what is loaded now is served now.

    An adapter answers with its route's bias. The Usage of an answer says which weights made it (`adapter_sha256`).
    """

    def __init__(self, settings: Settings, base: Generator) -> None:
        self.model = base.model
        self.base = base
        self.routes = Routes(settings)
        self._settings = settings
        self._servers: dict[str, Generator] = {}
        self._local: Generator | None = None

    @classmethod
    def open(cls, settings: Settings, *, progress: Progress = silent) -> Self:
        return cls(settings, open_generator(settings, progress=progress))

    async def stream(
        self, messages: Sequence[Message], decoding: Decoding, *, adapter: str | None = None
    ) -> AsyncGenerator[str | Usage, None]:
        """As the protocol says. Raises UnknownAdapter naming what is loaded, ServerError when the adapter's server is gone."""
        if adapter is None:
            async with aclosing(self.base.stream(messages, decoding)) as pieces:
                async for piece in pieces:
                    yield piece
            return
        route = self.routes.find(adapter)
        generator, name = self._backing(route)
        biased = replace(decoding, bias=route.bias)
        async with aclosing(generator.stream(messages, biased, adapter=name)) as pieces:
            async for piece in pieces:
                yield replace(piece, adapter_sha256=route.sha256) if isinstance(piece, Usage) else piece

    def count_tokens(self, text: str) -> int:
        return self.base.count_tokens(text)

    async def ready(self) -> str:
        """Of the base model."""
        return await self.base.ready()

    async def close(self) -> None:
        for generator in (self.base, *self._servers.values(), *([self._local] if self._local else [])):
            await generator.close()
        self._servers.clear()

    def _backing(self, route: Route) -> tuple[Generator, str | None]:
        """Who answers, and the name to ask by (None: the server serves nothing else)."""
        if route.way == "merged":
            return self._server(route), None
        if route.way == "in-process":
            return self._in_process(), route.folder
        if route.server and self._settings.generate.backend != "vllm":
            raise ServerError(
                f"The adapter '{route.adapter}' is loaded into Atlas's own model server, and generate.backend is another.",
                f"Load it again: atlas adapters load {route.adapter}",
            )
        return self.base, route.served

    def _server(self, route: Route) -> Generator:
        from rag.generate.endpoint import Managed
        from rag.generate.openai import OpenAIGenerator
        from rag.serve.vllm import serving

        known = {loaded.server for loaded in self.routes.loaded().values()}
        self._servers = {name: generator for name, generator in self._servers.items() if name in known}
        if route.server not in self._servers:
            settings = serving(self._settings, route.served)
            endpoint = Managed(settings, name=route.server, start=f"atlas adapters load {route.adapter}")
            self._servers[route.server] = OpenAIGenerator(settings, endpoint)
        return self._servers[route.server]

    def _in_process(self) -> Generator:
        from rag.generate.local import LocalGenerator

        if isinstance(self.base, LocalGenerator):
            return self.base
        if self._local is None:
            self._local = LocalGenerator.open(self._settings)
        return self._local
