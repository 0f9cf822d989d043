"""The runner: every question to every arm, many in flight, each answer written to the journal as it comes."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eval.arms.arm import Arm
from eval.journal import Frozen, Journal
from eval.types import Case, Failure, Passage, Retrieval
from rag.assistant import Assistant
from rag.errors import ServerError, TooSlow, UserError
from rag.progress import Progress, silent
from rag.types import Context

IN_FLIGHT = 16
"""Questions asked at once: what a model server is built for."""
SYNC_SECONDS = 1.0
"""A power cut costs at most so much work; a kill costs only what was in flight."""
HOPELESS = 20
"""Failures in a row after which the server is taken for dead: thousands more would say nothing new."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One question to one arm."""

    case: Case
    arm: Arm
    retrieval: Retrieval


async def freeze(assistant: Assistant, cases: Sequence[Case], journal: Journal, *, progress: Progress = silent) -> dict[str, Context]:
    """Retrieve once for each case, one at a time so that the seconds are a search's own. Raises what retrieval raises."""
    contexts = {}
    for done, case in enumerate(cases):
        progress("retrieving", done, len(cases))
        contexts[case.id] = await assistant.retrieve(case.pair.question, case.pair.history)
        journal.append(Frozen(case.id, contexts[case.id]))
    if cases:
        progress("retrieving", len(cases), len(cases))
    return contexts


def retrieval_of(case: Case, context: Context) -> Retrieval:
    """What the metrics need of a frozen context: hits in the order of their scores, what was packed, and what was not."""
    hits = [hit for source in context.sources for hit in source.hits] + [hit for hit, _ in context.dropped]
    return Retrieval(
        case.id,
        context.query,
        tuple(hit.chunk.path for hit in sorted(hits, key=lambda hit: -hit.score)),
        tuple(Passage(each.number, each.path, each.start, each.end, each.text, each.tokens) for each in context.sources),
        tuple((hit.chunk.path, why) for hit, why in context.dropped),
        context.evidence.score,
        context.evidence.threshold,
        context.seconds,
    )


def plan(cases: Sequence[Case], arms: Sequence[Arm], retrievals: Mapping[str, Retrieval], done: set[tuple[str, str]]) -> list[Ask]:
    """What is still to be asked, prompts with the same beginning next to each other: the server's prefix cache then pays.

    Adapters one after the other, within them closed book, then by the passages in the order in which they stand in the prompt.
    """
    asks = [
        (arm.order(case), number, position, Ask(case, arm, retrievals[case.id]))
        for number, case in enumerate(cases)
        for position, arm in enumerate(arms)
        if (case.id, arm.name) not in done and arm.applies(case)
    ]
    return [ask for *_, ask in sorted(asks, key=lambda each: each[:3])]


async def run(asks: Sequence[Ask], journal: Journal, *, in_flight: int = IN_FLIGHT, progress: Progress = silent) -> None:
    """Ask them all, at most `in_flight` at once. A UserError of one question is a failure of that question; one that the server was too
    slow for is asked again with fewer at once, down to one: on a slow machine it is the others that it waited for.

    Raises ServerError after HOPELESS failures in a row. However it ends, what was answered is in the journal.
    """
    at_once = min(in_flight, len(asks))
    work = _Work(deque(asks), len(asks), journal, progress, at_once)
    progress("answering", 0, len(asks))
    syncing = asyncio.create_task(work.keep_synced())
    workers = [asyncio.create_task(work.work()) for _ in range(at_once)]
    try:
        await asyncio.gather(*workers)
    finally:
        for task in (*workers, syncing):
            task.cancel()
        await asyncio.gather(*workers, syncing, return_exceptions=True)
        journal.sync()


@dataclass(slots=True)
class _Work:
    """What the workers share."""

    asks: deque[Ask]
    total: int
    journal: Journal
    progress: Progress
    at_once: int
    """Workers that are at it."""
    done: int = 0
    failed_in_a_row: int = 0

    async def work(self) -> None:
        while self.asks and await self._one():
            pass
        self.at_once -= 1

    async def _one(self) -> bool:
        """The next question; False: this worker was one too many, its question is left to the others."""
        ask, crowded = self.asks.popleft(), self.at_once > 1
        try:
            reply = await ask.arm(ask.case, ask.retrieval)
        except UserError as exc:
            if isinstance(exc, TooSlow) and crowded:
                self.asks.appendleft(ask)
                self._failed(exc)
                return self.at_once == 1
            self.journal.append(Failure(ask.case.id, ask.arm.name, str(exc)))
            self._failed(exc)
        else:
            self.journal.append(reply)
            self.failed_in_a_row = 0
        self.done += 1
        self.progress("answering", self.done, self.total)
        return True

    async def keep_synced(self) -> None:
        while True:
            await asyncio.sleep(SYNC_SECONDS)
            await asyncio.to_thread(self.journal.sync)

    def _failed(self, exc: UserError) -> None:
        self.failed_in_a_row += 1
        if self.failed_in_a_row >= HOPELESS:
            raise ServerError(f"{HOPELESS} questions in a row failed, the last one with: {exc}") from exc


@dataclass(slots=True)
class Stopwatch:
    """Seconds per stage, added up over the sittings of a run."""

    seconds: dict[str, float]
    _stage: str = ""
    _began: float = 0.0

    def start(self, stage: str) -> None:
        """Ends the stage before."""
        self.stop()
        self._stage, self._began = stage, time.perf_counter()

    def stop(self) -> None:
        if self._stage:
            self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + time.perf_counter() - self._began
        self._stage = ""
