"""Outside systems as arms: an OpenAI-compatible URL, a LangChain runnable, a LlamaIndex query engine.

They get the question (and the conversation before it), nothing of ours: what they retrieve is their own business. Named only on
the command line, never in documents or QA files, as `module:attribute` imports code.

    http://127.0.0.1:9000/v1#model   the model's name may be left out: the first one served is asked
    my_pipeline:chain                an object with `ainvoke` (LangChain) or `aquery` (LlamaIndex), or a function that makes one
"""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Self

from eval.arms.arm import Bench, Spec
from eval.arms.atlas import Asker, reply
from eval.types import Case, Passage, Reply, Retrieval
from rag.assistant import Assistant
from rag.context.citations import refuses
from rag.errors import InputError, ServerError
from rag.generate.generator import open_generator
from rag.settings import Settings

TEXT_KEYS = ("answer", "result", "output", "output_text", "text", "content")
PASSAGE_KEYS = ("context", "source_documents", "documents")
PATH_KEYS = ("path", "source", "file_path", "file_name")


class _System(Protocol):
    async def ask(self, name: str, case: Case) -> Reply: ...

    async def close(self) -> None: ...


class Outside:
    """One outside system, whatever kind it is."""

    def __init__(self, spec: Spec, system: _System) -> None:
        self.name = spec.name
        self._target = spec.target
        self._system = system

    @classmethod
    def open(cls, spec: Spec, bench: Bench) -> Self:
        settings = bench.assistant.settings
        if spec.target.startswith(("http://", "https://")):
            return cls(spec, _Url(spec, settings))
        return cls(spec, _Object(spec, settings.generate.timeout))

    def applies(self, case: Case) -> bool:
        return True

    def order(self, case: Case) -> tuple[str, ...]:
        return (f"outside {self.name}", case.pair.language)

    async def __call__(self, case: Case, retrieval: Retrieval) -> Reply:
        return await self._system.ask(self.name, case)

    async def close(self) -> None:
        await self._system.close()


class _Url:
    """Asked through our own client with the prompt of `zero-shot`, so that it knows that short answers are wanted."""

    def __init__(self, spec: Spec, settings: Settings) -> None:
        settings = elsewhere(settings, spec.target)
        self._assistant = Assistant(settings, open_generator(settings))
        self._ask = Asker(self._assistant)

    async def ask(self, name: str, case: Case) -> Reply:
        return reply(name, case, await self._ask(case, "zero-shot"))

    async def close(self) -> None:
        await self._assistant.close()


def elsewhere(settings: Settings, target: str) -> Settings:
    """The settings with another model to ask, at `http://host/v1#model`. Raises ServerError when no model is named and none is served."""
    url, _, model = target.partition("#")
    generate = {"backend": "openai", "base_url": url, "model": model or _first_model(url), "tokenizer": ""}
    return settings.model_copy(update={"generate": settings.generate.model_copy(update=generate)})


class _Object:
    """Something with `ainvoke` or `aquery`."""

    def __init__(self, spec: Spec, timeout: float) -> None:
        self._target = spec.target
        self._timeout = timeout
        self._call = _callable(spec.target)

    async def ask(self, name: str, case: Case) -> Reply:
        began = time.perf_counter()
        try:
            said = await asyncio.wait_for(self._call(asked(case)), self._timeout)
        except TimeoutError as exc:
            raise ServerError(f"{self._target} gave no answer for {self._timeout:.0f} s.", "Raise generate.timeout.") from exc
        except Exception as exc:  # a foreign system may raise anything; one question is lost, and listed
            raise ServerError(f"{self._target} failed: {type(exc).__name__}: {' '.join(str(exc).split())[:200]}") from exc
        total = time.perf_counter() - began
        text = text_of(said)
        return Reply(
            case.id,
            name,
            text,
            refused=refuses(text),
            passages=passages_of(said),
            first_token=total,
            total=total,
            identity={"model": self._target},
        )

    async def close(self) -> None:
        return


def asked(case: Case) -> str:
    """The question; after a conversation, the conversation with it."""
    turns = [f"{message.role}: {message.content}" for message in case.pair.history]
    return "\n".join([*turns, f"user: {case.pair.question}"]) if turns else case.pair.question


def text_of(said: Any) -> str:
    """The words of what LangChain or LlamaIndex returned: a text, a message, a response, or a dict that holds one."""
    if isinstance(said, Mapping):
        found = next((said[key] for key in TEXT_KEYS if key in said), None)
        if found is None:
            raise ValueError(f"no answer among {sorted(map(str, said))}; one of {', '.join(TEXT_KEYS)} is looked for")
        return text_of(found)
    if isinstance(said, list):  # the content blocks of a message
        return "".join(text_of(block) for block in said)
    for attribute in ("content", "response"):
        if hasattr(said, attribute):
            return text_of(getattr(said, attribute) or "")
    return str(said).strip()


def passages_of(said: Any) -> tuple[Passage, ...]:
    """What it says that it retrieved. Offsets are not known: 0 to the length of the text."""
    found: Sequence[Any] = getattr(said, "source_nodes", None) or ()
    if isinstance(said, Mapping):
        found = next((said[key] for key in PASSAGE_KEYS if isinstance(said.get(key), list)), ())
    passages = []
    for number, each in enumerate(found, start=1):
        each = getattr(each, "node", each)
        text = str(getattr(each, "page_content", None) or getattr(each, "text", None) or each)
        metadata = getattr(each, "metadata", None) or {}
        path = next((str(metadata[key]) for key in PATH_KEYS if key in metadata), "")
        passages.append(Passage(number, path, 0, len(text), text))
    return tuple(passages)


def _callable(target: str) -> Any:
    """`ainvoke` or `aquery` of what `module:attribute` names. Raises InputError."""
    module, _, attribute = target.partition(":")
    if not module or not attribute:
        raise InputError(f"'{target}' is neither a URL nor module:attribute.", "As in --outside mine=my_pipeline:chain")
    if os.getcwd() not in sys.path:  # the user's own module lies in the working folder
        sys.path.insert(0, os.getcwd())
    try:
        found: Any = importlib.import_module(module)
        for name in attribute.split("."):
            found = getattr(found, name)
        if not _method(found) and callable(found):
            found = found()
    except Exception as exc:  # foreign code runs here, and says in its own words what it lacks
        raise InputError(f"{target} cannot be loaded: {type(exc).__name__}: {exc}.", "It must be importable from this folder.") from exc
    method = _method(found)
    if method is None:
        raise InputError(f"{target} is a {type(found).__name__} without ainvoke or aquery.", "Give a LangChain runnable or a query engine.")
    return method


def _method(found: Any) -> Any:
    return None if isinstance(found, type) else getattr(found, "ainvoke", None) or getattr(found, "aquery", None)


def _first_model(url: str) -> str:
    import httpx

    try:
        answer = httpx.get(f"{url.rstrip('/')}/models", timeout=5.0)
        answer.raise_for_status()
        return str(answer.json()["data"][0]["id"])
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, LookupError, TypeError) as exc:
        raise ServerError(f"{url} does not say which models it serves ({exc or type(exc).__name__}).", f"Name one: {url}#MODEL") from exc
