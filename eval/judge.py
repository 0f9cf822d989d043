"""A language model as a judge of two replies: a rubric, both orders, failures counted apart, agreement with people.

The order in which replies are shown sways a judge (Zheng et al. 2023), so each pair is judged in both; a verdict that changes
with the order is a tie. Nothing is judged unless a judge is configured.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from eval.types import Case
from rag.errors import AtlasError, InputError, UserError
from rag.types import Message

Ask = Callable[[Sequence[Message]], Awaitable[str]]
"""Messages -> the judge's whole reply. Raises UserError when it cannot be reached."""
Winner = Literal["first", "second", "tie"]
RUBRIC = """1. Correct: it says what the accepted answers say. This weighs most.
2. Honest: where the question has no accepted answer, the better reply says that it does not know.
3. Nothing false is added. Length and style do not count."""
PROMPT = """Two systems answered a question. Judge by this rubric:
{rubric}

Question: {question}
Accepted answers: {accepted}

Reply A: {first}

Reply B: {second}

Which is better? End with one line: VERDICT: A, VERDICT: B or VERDICT: TIE."""
NONE = "none (the documents do not hold the answer)"


class JudgeError(AtlasError):
    """The judge answered something that is no verdict."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """One pair of replies. `consistent`: both orders gave the same verdict; otherwise `winner` is "tie"."""

    case: str
    winner: Winner
    consistent: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """All pairs of two arms. `failures`: case -> why there is no judgement; never counted as a tie."""

    judgements: tuple[Judgement, ...]
    failures: Mapping[str, str]

    @property
    def counts(self) -> Mapping[str, int]:
        """Winner -> how often."""
        return Counter(each.winner for each in self.judgements)

    @property
    def inconsistent(self) -> int:
        return sum(not each.consistent for each in self.judgements)


@dataclass(frozen=True, slots=True)
class Agreement:
    """Cohen's kappa (1960) between judge and people on `n` pairs: 1 = always agree, 0 = as often as chance would."""

    kappa: float
    agreed: float
    n: int


async def judge_pairs(pairs: Sequence[tuple[Case, str, str]], ask: Ask, *, rubric: str = RUBRIC, in_flight: int = 8) -> Judged:
    """`pairs`: case, the first arm's reply, the second's. Both orders of a pair are asked; one that fails makes the pair a failure."""
    gate = asyncio.Semaphore(in_flight)

    async def one(case: Case, first: str, second: str) -> Judgement | str:
        async with gate:
            try:
                there = _PLAIN[choose(await ask(prompt(case, first, second, rubric=rubric)), tuple(_PLAIN))]
                back = _TURNED[choose(await ask(prompt(case, second, first, rubric=rubric)), tuple(_TURNED))]
            except (JudgeError, UserError) as exc:
                return str(exc)
            return Judgement(case.id, there if there == back else "tie", there == back)

    found = await asyncio.gather(*(one(*pair) for pair in pairs))
    failures = {case.id: each for (case, _, _), each in zip(pairs, found, strict=True) if isinstance(each, str)}
    return Judged(tuple(each for each in found if isinstance(each, Judgement)), failures)


_PLAIN: Mapping[str, Winner] = {"A": "first", "B": "second", "TIE": "tie"}
_TURNED: Mapping[str, Winner] = {"A": "second", "B": "first", "TIE": "tie"}


def prompt(case: Case, first: str, second: str, *, rubric: str = RUBRIC) -> list[Message]:
    """The replies are shown without the names of their arms."""
    accepted = " | ".join(case.pair.answers) or NONE
    return [Message("user", PROMPT.format(rubric=rubric, question=case.pair.question, accepted=accepted, first=first, second=second))]


def choose(said: str, allowed: Sequence[str]) -> str:
    """The verdict in a judge's reply: behind the last "VERDICT:", else the whole reply when it is nothing but one of the words.

    Raises JudgeError when there is none: a guess would be a vote of its own.
    """
    words = "|".join(map(re.escape, allowed))
    marked = re.findall(rf"VERDICT:?\W*({words})\b", said, flags=re.IGNORECASE)
    alone = re.fullmatch(rf"\W*({words})\W*", said, flags=re.IGNORECASE)
    if not marked and not alone:
        raise JudgeError(f"The judge gave no verdict: {said.strip()[:80]!r}.")
    return str(marked[-1] if marked else alone[1] if alone else "").upper()


def agreement(judged: Mapping[str, str], human: Mapping[str, str]) -> Agreement:
    """Agreement on the cases that both have; values are winners. Raises InputError when there is no such case.

    Where both always say the same one thing, kappa is not defined by its formula; full agreement is 1.
    """
    from sklearn.metrics import cohen_kappa_score

    shared = [case for case in judged if case in human]
    if not shared:
        raise InputError("No case was judged both by the judge and by people.", "Vote in the chat on questions of this evaluation.")
    ours, theirs = [judged[case] for case in shared], [human[case] for case in shared]
    agreed = sum(one == other for one, other in zip(ours, theirs, strict=True)) / len(shared)
    kappa = 1.0 if agreed == 1 else float(cohen_kappa_score(ours, theirs))
    return Agreement(kappa, agreed, len(shared))
