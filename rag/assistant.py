"""The assistant: one question in, a stream of events out. The chat, the commands, the evaluation and the tests all use `stream`."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

from rag.context import abstain
from rag.context.citations import cite, refuses
from rag.context.examples import Examples
from rag.context.pack import pack
from rag.context.prompt import abstention, build_messages, template_hash, trim_history
from rag.embed.embedder import open_embedder
from rag.errors import UserError
from rag.generate.generator import Generator, Usage
from rag.generate.in_words import in_words
from rag.generate.routed import RoutedGenerator
from rag.generate.routes import Route, Routes, UnknownAdapter
from rag.index import versions
from rag.progress import Progress, silent
from rag.retrieve.conversation import search_query
from rag.retrieve.retriever import Retriever, Where, open_retriever
from rag.settings import Settings
from rag.types import Answer, Context, Decoding, Event, Finished, Message, Provenance, Retrieved, Timing, Token

RETRIEVING = frozenset({"rag", "rag+lora"})
ADAPTED = frozenset({"lora", "rag+lora"})
ARMS = ("icl", "zero-shot", "rag", "lora", "rag+lora")
CALIBRATION = "calibration.json"
MARGIN = 64
"""Tokens of the prompt left for the chat template's own marks."""


class Assistant:
    """Answers questions by any arm. Light to make: the index and the embedder open at the first question that needs them."""

    def __init__(self, settings: Settings, generator: Generator, *, progress: Progress = silent) -> None:
        self.settings = settings
        self.generator = generator
        self.routes = Routes(settings)
        self._progress = progress
        self._opening = threading.Lock()
        self._retriever: Retriever | None = None
        self._examples: Examples | None = None
        self._calibration: tuple[float, abstain.Calibration | None] = (-1.0, None)

    async def stream(
        self,
        question: str,
        arm: str,
        history: Sequence[Message] = (),
        *,
        decoding: Decoding | None = None,
        context: Context | None = None,
        adapter: str | None = None,
        where: Where | None = None,
    ) -> AsyncGenerator[Event, None]:
        """`Retrieved` (arms that retrieve), `Token`s, and at the end `Finished`. Closing the iterator frees the model server.

        `context`: use this one instead of retrieving, so that arms can be compared on the same passages. `adapter`: its name,
        for the arms with weights of their own (the others never ask it); without one, the adapter that was loaded last.
        Raises UserError when it cannot answer.
        """
        began = time.perf_counter()
        route = self._check(question, arm, adapter)
        adapter = route.adapter if route else None
        retrieves = arm in RETRIEVING
        if retrieves:
            context = context or await self.retrieve(question, history, where=where)
            yield Retrieved(context)
        else:
            context = None
        timing = Timing(retrieval=time.perf_counter() - began)
        answer = self._unanswered(question, arm, context, decoding or self.decoding(), route, timing)
        if context is not None and self.settings.context.abstain and (context.evidence.weak or not context.sources):
            text = abstention(question)
            yield Token(text)
            yield Finished(replace(answer, text=text, refused=True, abstained=True, finish="abstained"))
            return
        messages = await asyncio.to_thread(self.prompt, question, arm, history, context=context)
        pieces: list[str] = []
        usage = Usage(0, 0, "stop")
        async with aclosing(in_words(self.generator, messages, answer.provenance.decoding, adapter=adapter)) as stream:
            async for piece in stream:
                if isinstance(piece, Usage):
                    usage = piece
                    continue
                if not pieces:
                    timing = replace(timing, first_token=time.perf_counter() - began)
                pieces.append(piece)
                yield Token(piece)
        timing = replace(timing, total=time.perf_counter() - began)
        yield Finished(self._finished(answer, "".join(pieces), usage, timing))

    async def answer(self, question: str, arm: str, history: Sequence[Message] = (), *, context: Context | None = None) -> Answer:
        """The finished answer of `stream`, for callers that do not show it growing."""
        async with aclosing(self.stream(question, arm, history, context=context)) as events:
            async for event in events:
                if isinstance(event, Finished):
                    return event.answer
        raise UserError("The answer was cut off.", "Ask again.")

    async def retrieve(self, question: str, history: Sequence[Message] = (), *, where: Where | None = None) -> Context:
        """Search, judge the evidence, and pack the passages; with the conversation in mind."""
        return await asyncio.to_thread(self._retrieve, question, history, where)

    def prompt(self, question: str, arm: str, history: Sequence[Message] = (), *, context: Context | None = None) -> list[Message]:
        """The messages that `arm` sends for this question: the same function for serving, training and evaluation."""
        settings = self.settings.context
        sources = context.sources if context is not None else ()
        examples = self.examples.choose(question, settings.few_shot) if arm == "icl" else []
        alone = build_messages(question, style=settings.style, sources=sources, examples=examples)
        taken = sum(self.generator.count_tokens(message.content) for message in alone) + self.settings.generate.max_tokens + MARGIN
        budget = self.settings.serve.max_model_len - taken
        kept = trim_history(history, turns=settings.history_turns, budget=budget, count=self.generator.count_tokens)
        return build_messages(question, style=settings.style, sources=sources, examples=examples, history=kept) if kept else alone

    async def ready(self) -> str:
        """ "" when a question can be answered now, else one line that says what it waits for."""
        if not versions.live(versions.folder_of(self.settings)):
            return f"There is no index '{self.settings.index.name}' yet."
        return await self.generator.ready()

    async def close(self) -> None:
        await self.generator.close()

    def decoding(self) -> Decoding:
        """How the settings want tokens drawn."""
        chosen = self.settings.generate
        return Decoding(chosen.temperature, chosen.max_tokens, chosen.top_p, chosen.seed)

    @property
    def retriever(self) -> Retriever:
        """Opened at the first use. Raises IndexError_ while there is no index, and finds it once there is."""
        with self._opening:
            if self._retriever is None:
                self._retriever = open_retriever(self.settings, progress=self._progress)
            return self._retriever

    @property
    def examples(self) -> Examples:
        """The solved questions of the ICL arm."""
        with self._opening:
            if self._examples is None:
                embedder = self._retriever.embedder if self._retriever else open_embedder(self.settings, progress=self._progress)
                files = [Path(file) for file in self.settings.context.examples]
                self._examples = Examples(files, embedder, self.settings.home / "cache")
            return self._examples

    def _retrieve(self, question: str, history: Sequence[Message], where: Where | None) -> Context:
        began = time.perf_counter()
        settings = self.settings.context
        query = search_query(question, history)
        retriever = self.retriever
        found = retriever.look_up(query, where=where)
        packed = pack(
            found.hits,
            budget=settings.budget_tokens,
            max_sources=settings.max_sources,
            count=self.generator.count_tokens,
            text_of=lambda document_id: found.index.document(document_id).text,
            join=self.settings.retrieve.join_neighbours,
        )
        repeats = tuple((hit, f"nearly the same as {twin.chunk.path}") for hit, twin in found.repeats)
        return Context(
            question,
            query,
            packed.sources,
            packed.dropped + repeats,
            abstain.evidence(found.hits, self._current_calibration(retriever)),
            packed.tokens,
            found.index.version,
            time.perf_counter() - began,
        )

    def _current_calibration(self, retriever: Retriever) -> abstain.Calibration | None:
        """Read again when the file changes, so that a running chat follows `atlas calibrate`."""
        file = calibration_file(self.settings)
        changed = file.stat().st_mtime if file.is_file() else 0.0
        if changed != self._calibration[0]:
            self._calibration = (changed, abstain.load(file, retriever.embedder.identity()))
        return self._calibration[1]

    def _check(self, question: str, arm: str, adapter: str | None) -> Route | None:
        """The route of the adapter, for an arm that has one."""
        if arm not in ARMS:
            raise UserError(f"There is no arm '{arm}'.", f"Choose one of: {', '.join(ARMS)}.")
        if not question.strip():
            raise UserError("The question is empty.", "Type a question.")
        route = self._route(arm, adapter) if arm in ADAPTED else None
        longest = self.settings.serve.max_model_len // 2
        if self.generator.count_tokens(question) > longest:
            raise UserError(f"The question has more than {longest} tokens.", "Ask a shorter question.")
        return route

    def _route(self, arm: str, adapter: str | None) -> Route:
        try:
            return self.routes.find(adapter)
        except UnknownAdapter as exc:
            raise UserError(f"The arm '{arm}' needs an adapter. {exc.what}", exc.do) from exc

    def _unanswered(
        self, question: str, arm: str, context: Context | None, decoding: Decoding, route: Route | None, timing: Timing
    ) -> Answer:
        version = context.index_version if context else ""
        adapter, sha256 = (route.adapter, route.sha256) if route else (None, None)
        decoding = replace(decoding, bias=route.bias) if route else decoding
        provenance = Provenance(arm, self.generator.model, adapter, sha256, version, template_hash(), decoding, timing=timing)
        return Answer(question, "", context, provenance)

    def _finished(self, answer: Answer, text: str, usage: Usage, timing: Timing) -> Answer:
        provenance = replace(answer.provenance, prompt_tokens=usage.prompt_tokens, answer_tokens=usage.answer_tokens, timing=timing)
        if usage.forbidden:
            provenance = replace(provenance, decoding=replace(provenance.decoding, forbidden=usage.forbidden))
        if usage.adapter_sha256:  # what did answer, should the adapter have been loaded anew in this moment
            provenance = replace(provenance, adapter_sha256=usage.adapter_sha256)
        refused = refuses(text)
        sources = answer.context.sources if answer.context else ()
        citations = () if refused else cite(answer.question, text, sources)
        return replace(answer, text=text, provenance=provenance, citations=citations, refused=refused, finish=usage.finish)


def calibration_file(settings: Settings) -> Path:
    """Where the calibration of the index that the settings name lies."""
    return versions.folder_of(settings) / CALIBRATION


def open_assistant(settings: Settings, *, progress: Progress = silent) -> Assistant:
    """An assistant for these settings; opens at once, loads index and models when they are needed."""
    return Assistant(settings, RoutedGenerator.open(settings, progress=progress), progress=progress)
