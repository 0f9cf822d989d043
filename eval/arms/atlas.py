"""The arms of Atlas itself: all go through `Assistant.stream`, with the frozen context of the case or with none."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from typing import Self

from eval.arms.arm import Bench, Spec
from eval.types import Case, Passage, Reply, Retrieval
from rag.assistant import Assistant
from rag.errors import UserError
from rag.types import Answer, Context, Finished, Source


class ClosedBook:
    """icl, zero-shot, lora: no passages."""

    def __init__(self, spec: Spec, assistant: Assistant) -> None:
        self.name = spec.name
        self.kind = spec.kind
        self.adapter = spec.adapter
        self._ask = Asker(assistant, spec.adapter)

    @classmethod
    def open(cls, spec: Spec, bench: Bench) -> Self:
        if spec.kind == "icl":  # an example that is being asked would be its own answer
            bench.assistant.examples.exclude([case.pair for case in bench.cases])
        return cls(spec, bench.assistant)

    def applies(self, case: Case) -> bool:
        return True

    def order(self, case: Case) -> tuple[str, ...]:
        return (self.adapter or "", "closed book", self.kind, case.pair.language)

    async def __call__(self, case: Case, retrieval: Retrieval) -> Reply:
        return reply(self.name, case, await self._ask(case, self.kind))

    async def close(self) -> None:
        return


class Grounded:
    """rag, rag+lora, and the diagnostics: the same path, only the context differs. `contexts`: case id -> context."""

    counts_retrieval = True
    """Whether a user of this arm waits for retrieval; its seconds are those of the one frozen search."""

    def __init__(self, spec: Spec, assistant: Assistant, contexts: Mapping[str, Context]) -> None:
        self.name = spec.name
        self.adapter = spec.adapter
        self._ask = Asker(assistant, spec.adapter)
        self._contexts = contexts

    @classmethod
    def open(cls, spec: Spec, bench: Bench) -> Self:
        return cls(spec, bench.assistant, bench.contexts)

    def applies(self, case: Case) -> bool:
        return case.id in self._contexts

    def order(self, case: Case) -> tuple[str, ...]:
        sources = sorted(self._contexts[case.id].sources, key=lambda source: -source.number)  # as they stand in the prompt
        return (self.adapter or "", "passages", case.pair.language, *(f"{each.document_id} {each.start:09}" for each in sources))

    async def __call__(self, case: Case, retrieval: Retrieval) -> Reply:
        serving = "rag" if self.adapter is None else "rag+lora"
        answer = await self._ask(case, serving, context=self._contexts[case.id])
        return reply(self.name, case, answer, waited=retrieval.seconds if self.counts_retrieval else 0.0)

    async def close(self) -> None:
        return


class Asker:
    """Puts cases to the assistant, always to the same weights. Raises UnknownAdapter when the adapter is not loaded."""

    def __init__(self, assistant: Assistant, adapter: str | None = None) -> None:
        self._assistant = assistant
        self._adapter = adapter
        self._sha256 = assistant.routes.find(adapter).sha256 if adapter else None

    async def __call__(self, case: Case, arm: str, *, context: Context | None = None) -> Answer:
        """The finished answer. Raises UserError: no answer, or one of other weights than the run began with."""
        pair = case.pair
        async with aclosing(self._assistant.stream(pair.question, arm, pair.history, context=context, adapter=self._adapter)) as events:
            async for event in events:
                if isinstance(event, Finished):
                    self._check(event.answer)
                    return event.answer
        raise UserError("The answer was cut off.", "Ask again.")

    def _check(self, answer: Answer) -> None:
        if answer.provenance.adapter_sha256 != self._sha256:
            raise UserError(f"The adapter '{self._adapter}' was replaced by another of that name meanwhile.", "Evaluate anew: --fresh")


def reply(arm: str, case: Case, answer: Answer, *, waited: float = 0.0) -> Reply:
    """What is kept of an answer. `waited`: seconds of the frozen retrieval, that a user of this arm would have waited for."""
    made = answer.provenance
    sources = {source.number: source for source in answer.context.sources} if answer.context else {}
    identity = {"model": made.model, "adapter": made.adapter, "adapter_sha256": made.adapter_sha256, "template": made.template}
    return Reply(
        case.id,
        arm,
        answer.text,
        refused=answer.refused,
        abstained=answer.abstained,
        cited=tuple((sources[each.number].path, quoted(sources[each.number], each.start, each.end)) for each in answer.citations),
        passages=tuple(passage(source) for source in sources.values()),
        first_token=waited + made.timing.first_token,
        total=waited + made.timing.total,
        prompt_tokens=made.prompt_tokens,
        answer_tokens=made.answer_tokens,
        finish=answer.finish,
        identity={key: value or "" for key, value in {**identity, "index": made.index_version}.items()},
    )


def quoted(source: Source, start: int, end: int) -> str:
    """A span of the document that lies in this source."""
    return source.text[start - source.start : end - source.start]


def passage(source: Source) -> Passage:
    return Passage(source.number, source.path, source.start, source.end, source.text, source.tokens)
