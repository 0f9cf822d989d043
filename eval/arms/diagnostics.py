"""Arms that say where an answer was lost: the gold passages given, another question's passages given, whole documents given.

They differ from `rag` in the context alone, and never abstain: that is decided by the retrieval they do not use.
"""

from __future__ import annotations

import glob
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Self

from eval.arms.arm import Bench, Spec
from eval.arms.atlas import Grounded
from eval.cases.spans import locate
from eval.types import Case
from rag.assistant import MARGIN, Assistant
from rag.context.pack import FENCE_TOKENS, pack
from rag.context.prompt import build_messages
from rag.errors import InputError
from rag.index.opened import Index
from rag.types import Chunk, Context, Document, Evidence, Hit, Source

CERTAIN = Evidence(1.0, 0.0)


class Oracle(Grounded):
    """The gold passages: the chunks that the gold spans lie in; without spans, what a search within the gold documents finds."""

    counts_retrieval = False

    @classmethod
    def open(cls, spec: Spec, bench: Bench) -> Self:
        index = bench.assistant.retriever.live.current()
        documents = gold_documents(index, bench.cases)
        found = {case.id: _oracle(bench.assistant, index, case, documents) for case in bench.cases if case.pair.answerable}
        contexts = {name: context for name, context in found.items() if context.sources}
        if not contexts:
            raise InputError("No question names a gold document of this index.", "Leave the arm 'oracle' out, or give `docs`.")
        return cls(spec, bench.assistant, contexts)


class Shuffled(Grounded):
    """The passages of another question, in the same language where there is one, and never a gold document of this one."""

    counts_retrieval = False

    @classmethod
    def open(cls, spec: Spec, bench: Bench) -> Self:
        cases = [case for case in bench.cases if bench.contexts[case.id].sources]
        if len(cases) < 2:
            raise InputError("The arm 'shuffled' needs two questions that find something.", "Leave it out, or ask more questions.")
        givers = derange(cases, bench.contexts, seed=bench.seed)
        contexts = {case.id: _foreign(case, bench.contexts[givers[case.id]]) for case in cases}
        return cls(spec, bench.assistant, {name: context for name, context in contexts.items() if context.sources})


class FullDoc(Grounded):
    """The whole corpus where it fits the model's window, else the gold documents whole, where they do."""

    counts_retrieval = False

    @classmethod
    def open(cls, spec: Spec, bench: Bench) -> Self:
        index = bench.assistant.retriever.live.current()
        documents = gold_documents(index, bench.cases)
        everything = whole_corpus(bench.assistant, index)
        contexts = {}
        for case in bench.cases:
            gold = [documents[path] for path in case.pair.docs if path in documents]
            sources = everything or tuple(_whole(bench.assistant, number, each) for number, each in enumerate(gold[:1], start=1))
            if sources and _fits(bench.assistant, case, sources):
                tokens = sum(source.tokens for source in sources)
                contexts[case.id] = Context(case.pair.question, case.pair.question, sources, (), CERTAIN, tokens, index.version)
        if not contexts:
            window = bench.assistant.settings.serve.max_model_len
            raise InputError(
                f"No gold document fits the window of {window} tokens.", "Leave the arm 'full-doc' out, or raise serve.max_model_len."
            )
        return cls(spec, bench.assistant, contexts)


def gold_documents(index: Index, cases: Sequence[Case]) -> dict[str, Document]:
    """Path -> document, of those gold ones that the index holds."""
    wanted = {path for case in cases for path in (*case.pair.docs, *(name for name, _ in case.pair.gold))}
    return {document.path: document for document in index.documents() if document.path in wanted} if wanted else {}


def _oracle(assistant: Assistant, index: Index, case: Case, documents: Mapping[str, Document]) -> Context:
    chunks: dict[str, Chunk] = {}
    for path, span in case.pair.gold:
        place = locate(documents[path].text, span) if path in documents else None
        if place is not None:
            inside = [chunk for chunk in index.chunks_of(documents[path].id) if chunk.start < place[1] and place[0] < chunk.end]
            chunks.update((chunk.id, chunk) for chunk in inside)
    hits: Sequence[Hit] = [Hit(chunk, 1.0) for chunk in chunks.values()]
    paths = [glob.escape(path) for path in case.pair.docs if path in documents]
    if not hits and paths:
        hits = assistant.retriever.search(case.pair.question, where={"path": paths})
    settings = assistant.settings
    packed = pack(
        hits,
        budget=settings.context.budget_tokens,
        max_sources=settings.context.max_sources,
        count=assistant.generator.count_tokens,
        text_of=lambda document_id: index.document(document_id).text,
        join=settings.retrieve.join_neighbours,
    )
    return Context(case.pair.question, case.pair.question, packed.sources, packed.dropped, CERTAIN, packed.tokens, index.version)


def derange(cases: Sequence[Case], contexts: Mapping[str, Context], *, seed: int = 0) -> dict[str, str]:
    """Case id -> id of the case whose passages it gets: a permutation without fixed points, the same for the same seed.

    Within a language where it has two cases or more. Pairs whose passages come from a gold document are exchanged where that
    helps. Needs two cases.
    """
    dice = random.Random(seed)
    groups: dict[str, list[Case]] = {}
    for case in cases:
        groups.setdefault(case.pair.language, []).append(case)
    alone = [group.pop() for group in groups.values() if len(group) == 1]
    if len(alone) == 1:
        max(groups.values(), key=len).append(alone.pop())
    given: dict[str, str] = {}
    for group in [*groups.values(), alone]:
        order = dice.sample(group, len(group))
        partners = order[1:] + order[:1]
        _part_from_gold(order, partners, contexts)
        given.update((case.id, giver.id) for case, giver in zip(order, partners, strict=True))
    return given


def _part_from_gold(order: Sequence[Case], partners: list[Case], contexts: Mapping[str, Context]) -> None:
    def wrong(case: Case, giver: Case) -> bool:
        return case is giver or any(source.path in case.pair.docs for source in contexts[giver.id].sources)

    for one, case in enumerate(order):
        if not wrong(case, partners[one]):
            continue
        for other in range(len(order)):
            if not wrong(case, partners[other]) and not wrong(order[other], partners[one]):
                partners[one], partners[other] = partners[other], partners[one]
                break


def _foreign(case: Case, context: Context) -> Context:
    kept = [source for source in context.sources if source.path not in case.pair.docs]
    sources = tuple(replace(source, number=number) for number, source in enumerate(kept, start=1))
    tokens = sum(source.tokens for source in sources)
    return replace(context, question=case.pair.question, sources=sources, dropped=(), evidence=CERTAIN, tokens=tokens)


def whole_corpus(assistant: Assistant, index: Index) -> tuple[Source, ...]:
    """Every document as one source, or nothing when they do not fit together. Always in the same order, for the prefix cache."""
    sources: list[Source] = []
    left = _window(assistant)
    for document in index.documents():
        sources.append(_whole(assistant, len(sources) + 1, document))
        left -= sources[-1].tokens
        if left < 0:
            return ()
    return tuple(sources)


def _whole(assistant: Assistant, number: int, document: Document) -> Source:
    chunk = Chunk(document.id, document.path, 0, len(document.text), document.text, document.title, document.language)
    tokens = sum(map(assistant.generator.count_tokens, (document.text, document.title))) + FENCE_TOKENS
    return Source(number, (Hit(chunk, 1.0),), chunk.path, chunk.document_id, 0, chunk.end, chunk.text, chunk.header, tokens=tokens)


def _window(assistant: Assistant) -> int:
    settings = assistant.settings
    return settings.serve.max_model_len - settings.generate.max_tokens - MARGIN


def _fits(assistant: Assistant, case: Case, sources: Sequence[Source]) -> bool:
    messages = build_messages(case.pair.question, style=assistant.settings.context.style, sources=sources[:0])
    around = sum(assistant.generator.count_tokens(message.content) for message in messages)
    return sum(source.tokens for source in sources) + 2 * around <= _window(assistant)
