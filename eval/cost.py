"""What a right answer costs: money when there are prices, else seconds of this machine; the training of the adapter included.

Seconds of the machine: many questions are answered at once, so that an answer took its seconds divided by how many were under
way on average (Little's law, 1961), and its search besides, which was made alone. Training takes the machine alone, too.

A right answer is a case that was not lost (see eval.attribution): F1 of 0.5 at least, or a refusal where there is no answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eval.corners import RETRIEVING, Corner
from eval.types import Run

SECONDS = "s"
DEFAULT_CURRENCY = "USD"


@dataclass(frozen=True, slots=True)
class Prices:
    """`hour`: of the machine; `prompt`, `answer`: of a million tokens; `questions`: over which a training is spread, 0 = the run's.

    Where tokens have a price, answers cost their tokens and the hour is the training's; else answers cost the machine's time.
    """

    hour: float = 0.0
    prompt: float = 0.0
    answer: float = 0.0
    currency: str = DEFAULT_CURRENCY
    questions: int = 0

    @property
    def given(self) -> bool:
        return bool(self.hour or self.prompt or self.answer)


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one arm, in `unit` (SECONDS of the machine, or a currency): all its answers, and its part of the training.

    `questions`: over which the training was spread. `each`: what a right answer costs, training not included; `whole`: included;
    None when no answer was right.
    """

    unit: str
    answers: float
    training: float
    right: int
    replies: int
    questions: int

    @property
    def each(self) -> float | None:
        return self.answers / self.right if self.right else None

    @property
    def whole(self) -> float | None:
        return (self.answers + self.training) / self.right if self.right else None


def prices_of(manifest: Mapping[str, Any]) -> Prices:
    """Those of the run; none where it has none. `questions` counts without prices, too."""
    held = manifest.get("prices") or {}
    known = {name: held[name] for name in Prices.__dataclass_fields__ if name in held}
    return Prices(**known)


def costs(run: Run) -> dict[str, Cost]:
    """Arm -> what it cost; arms without a reply are not there."""
    prices, lost, busy = prices_of(run.manifest), {(each.case, each.arm) for each in run.lost}, machine_seconds(run)
    found = {}
    for arm in dict.fromkeys(reply.arm for reply in run.replies):
        replies = [reply for reply in run.replies if reply.arm == arm]
        right = sum((reply.case, arm) not in lost for reply in replies)
        questions = prices.questions or len(replies)
        seconds = training_seconds(run, arm) * len(replies) / questions
        answers, training = busy[arm], seconds
        if prices.given:
            tokens = sum(reply.prompt_tokens * prices.prompt + reply.answer_tokens * prices.answer for reply in replies) / 1e6
            answers = tokens if prices.prompt or prices.answer else answers / 3600 * prices.hour
            training = seconds / 3600 * prices.hour
        found[arm] = Cost(prices.currency if prices.given else SECONDS, answers, training, right, len(replies), questions)
    return found


def machine_seconds(run: Run) -> dict[str, float]:
    """Arm -> seconds that its answers kept the machine busy; together the time that answering took, and the searches."""
    searched = {each.case: each.seconds for each in run.retrievals}
    alone: dict[str, float] = {}
    shared: dict[str, float] = {}
    for reply in run.replies:
        own = min(searched.get(reply.case, 0.0), reply.total) if Corner.of(reply.arm).kind in RETRIEVING else 0.0
        alone[reply.arm] = alone.get(reply.arm, 0.0) + own
        shared[reply.arm] = shared.get(reply.arm, 0.0) + reply.total - own
    together = _together(run.manifest, sum(shared.values()))
    return {arm: alone[arm] + shared[arm] / together for arm in shared}


def _together(manifest: Mapping[str, Any], waited: float) -> float:
    """How many answers were under way on average: what was waited for all of them, by the time it took; at most those in flight."""
    request, seconds = manifest.get("request"), manifest.get("seconds")
    most = float(request.get("in_flight") or 1) if isinstance(request, Mapping) else 1.0
    took = float(seconds.get("answering") or 0) if isinstance(seconds, Mapping) else 0.0
    return min(most, waited / took) if took and waited else most


def training_seconds(run: Run, arm: str) -> float:
    """Of the adapter that the arm wears; the manifest names it by the arm or by the adapter."""
    known = run.manifest.get("training_seconds")
    if not isinstance(known, Mapping):
        return 0.0
    worn = next((reply.identity.get("adapter", "") for reply in run.replies if reply.arm == arm), "")
    return next((float(known[name]) for name in (arm, worn, Corner.of(arm).adapter) if name and name in known), 0.0)
