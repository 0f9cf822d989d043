"""Generation by a server that speaks the OpenAI protocol, through LangChain's chat client: vLLM of ours, or any URL."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncGenerator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from rag.errors import ModelError, ServerError
from rag.generate.clients import Clients
from rag.generate.endpoint import Endpoint, Fixed, Managed, Unavailable
from rag.generate.generator import Usage
from rag.progress import Progress, silent
from rag.types import Decoding, Message

if TYPE_CHECKING:
    from rag.models.tokenizer import Tokenizer
    from rag.settings import Settings

FIRST_PAUSE = 0.25
"""Seconds before the second try; doubled for each further one."""
BYTES_PER_TOKEN = 3
"""Estimate where the tokenizer is not known; English text has about 4, so a budget is rather kept than overrun."""


class OpenAIGenerator:
    """Safe for many streams at once. The URL is asked for with every question, so that the server may move."""

    def __init__(self, settings: Settings, endpoint: Endpoint) -> None:
        self.model = settings.generate.model
        self._settings = settings
        self._endpoint = endpoint
        self._clients = Clients(settings.generate)

    @classmethod
    def open(cls, settings: Settings, *, progress: Progress = silent) -> Self:
        """`vllm`: the managed server, wherever it is when a question comes. `openai`: generate.base_url."""
        managed = settings.generate.backend == "vllm"
        return cls(settings, Managed(settings) if managed else Fixed(settings.generate.base_url))

    async def stream(
        self, messages: Sequence[Message], decoding: Decoding, *, adapter: str | None = None
    ) -> AsyncGenerator[str | Usage, None]:
        """As the protocol says. Tries again (generate.retries, growing pauses) only while no text has come."""
        from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

        retrying = AsyncRetrying(
            stop=stop_after_attempt(self._settings.generate.retries + 1),
            wait=wait_exponential_jitter(multiplier=FIRST_PAUSE, max=8, jitter=FIRST_PAUSE / 2),
            retry=retry_if_exception_type(Unavailable),
            reraise=True,
        )
        begun: tuple[str | Usage, AsyncGenerator[str | Usage, None]]
        begun = await retrying(self._begin, messages, decoding, adapter or self.model)
        first, rest = begun
        try:
            yield first
            async for piece in rest:
                yield piece
        finally:
            await rest.aclose()

    def count_tokens(self, text: str) -> int:
        """By the model's tokenizer; an estimate when only the endpoint has it (see generate.tokenizer)."""
        if self._tokenizer is None:
            return -(-len(text.encode()) // BYTES_PER_TOKEN)
        return self._tokenizer.count(text)

    async def ready(self) -> str:
        """As the protocol says. Loads the chat client meanwhile, so that the first question does not wait for that."""
        await asyncio.to_thread(importlib.import_module, "langchain_openai")
        return await self._endpoint.waiting()

    async def close(self) -> None:
        await self._clients.close()

    async def _begin(
        self, messages: Sequence[Message], decoding: Decoding, model: str
    ) -> tuple[str | Usage, AsyncGenerator[str | Usage, None]]:
        """One try, up to the first piece."""
        url = await self._endpoint.url()
        pieces = self._pieces(url, messages, decoding, model)
        try:
            return await anext(pieces), pieces
        except BaseException:
            await pieces.aclose()
            raise

    async def _pieces(self, url: str, messages: Sequence[Message], decoding: Decoding, model: str) -> AsyncGenerator[str | Usage, None]:
        from rag.generate.failures import translated, went_away

        finish, counts, text = "", None, []
        answer = await self._ask(url, messages, decoding, model)
        try:
            async for chunk in answer:
                counts = chunk.usage_metadata or counts
                finish = chunk.response_metadata.get("finish_reason") or finish
                if chunk.content:
                    text.append(chunk.content)
                    yield chunk.content
            if not finish:
                raise went_away(url, begun=bool(text), start=self._endpoint.start)
        except ServerError:
            raise
        except Exception as exc:
            timeout, start = self._settings.generate.timeout, self._endpoint.start
            failure = translated(exc, url=url, model=model, timeout=timeout, begun=bool(text), start=start)
            failure = await self._completed(failure, url, messages, decoding)
            if failure is None:
                raise
            raise failure from exc
        finally:
            await answer.aclose()
        yield self._usage(counts, messages, "".join(text), finish)

    async def _ask(self, url: str, messages: Sequence[Message], decoding: Decoding, model: str) -> AsyncGenerator[Any, None]:
        spoken = [{"role": message.role, "content": message.content} for message in messages]
        options: dict[str, Any] = {"temperature": decoding.temperature, "top_p": decoding.top_p, "seed": decoding.seed}
        if decoding.stop:
            options["stop"] = list(decoding.stop)
        bias = [(token, -100.0) for token in self._forbidden(decoding)] + list(decoding.bias)
        if bias:  # on every token: the protocol knows no other way; a refusal's first word does not occur inside answers
            options["logit_bias"] = {str(token): value for token, value in bias}
        if (urlsplit(url).hostname or "").endswith("openai.com"):
            options["max_completion_tokens"] = decoding.max_tokens
        else:  # the older name, which every compatible server knows
            options["extra_body"] = {"max_tokens": decoding.max_tokens}
        stream: AsyncGenerator[Any, None] = (await self._clients.chat(url)).astream(spoken, model=model, **options)  # type: ignore[assignment]
        return stream

    async def _completed(
        self, failure: ServerError | None, url: str, messages: Sequence[Message], decoding: Decoding
    ) -> ServerError | None:
        """With what only we know: the names that are served, the length of the prompt."""
        from rag.generate.failures import NotServed, TooLong

        if isinstance(failure, NotServed):
            return ServerError(f"{failure.what} It serves: {await self._names(url)}.", failure.do)
        if isinstance(failure, TooLong):
            prompt = sum(self.count_tokens(message.content) for message in messages)
            return ServerError(
                f"The prompt ({prompt} tokens and the template's) and up to {decoding.max_tokens} of answer exceed the"
                f" {failure.limit} tokens that {self.model} takes.",
                "Lower context.budget_tokens, context.history_turns or generate.max_tokens, or raise serve.max_model_len.",
            )
        return failure

    async def _names(self, url: str) -> str:
        import httpx

        try:
            rows = (await (await self._clients.http()).get(f"{url}/models", timeout=3.0)).json()["data"]
            return ", ".join(str(row["id"]) for row in rows)
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as exc:
            return f"not known ({exc})"

    def _forbidden(self, decoding: Decoding) -> tuple[int, ...]:
        """None where only the endpoint knows the tokens."""
        return self._tokenizer.beginning_with(decoding.forbidden) if decoding.forbidden and self._tokenizer else ()

    @cached_property
    def _tokenizer(self) -> Tokenizer | None:
        from rag.models.folder import resolve
        from rag.models.tokenizer import Tokenizer

        generate = self._settings.generate
        managed = generate.backend == "vllm"
        try:
            folder = resolve(generate.tokenizer or generate.model, self._settings, fetch=managed or bool(generate.tokenizer))
        except ModelError:
            if managed or generate.tokenizer:
                raise
            return None  # a name that only the endpoint knows
        return Tokenizer(folder.path)

    def _usage(self, counts: Any, messages: Sequence[Message], text: str, finish: str) -> Usage:
        if counts is None:  # a server that does not say
            prompt = sum(self.count_tokens(message.content) for message in messages)
            return Usage(prompt, self.count_tokens(text), "length" if finish == "length" else "stop")
        return Usage(int(counts["input_tokens"]), int(counts["output_tokens"]), "length" if finish == "length" else "stop")
