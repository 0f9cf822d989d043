"""One trial of a study: a real training with the trial's settings, scored on the held-back pairs, given up when it lags behind."""

from __future__ import annotations

import gc
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from adapters import store
from adapters.card import Card
from adapters.data.build import prepare
from adapters.study.space import applied
from adapters.train import curve, request
from adapters.train.plan import plan
from adapters.train.run import train
from adapters.train.validate import Judge, Score
from rag.assistant import Assistant
from rag.progress import Progress, Tell
from rag.qa import Pair
from rag.settings import Settings


@dataclass(frozen=True, slots=True)
class Ground:
    """What all trials share. `settings`: with what a trial does not change; `work`: a home of their own, so that their trainings and
    adapters are not among the user's."""

    settings: Settings
    pairs: list[Pair]
    assistant: Assistant
    score: Score
    work: Path
    tell: Tell
    progress: Progress


def run(trial: Any, values: dict[str, Any], ground: Ground) -> float:
    """Train with these values and return the best held-back score; a training that was cut off goes on.

    `trial` is Optuna's. Raises optuna.TrialPruned, and what `adapters.train.run.train` raises.
    """
    settings, name = applied(ground.settings, {**values, "minutes": 0.0}), f"trial-{trial.number:03d}"  # all of the same length
    watch = _Watch(trial, name, ground)
    if name in store.names(ground.work):  # killed between the end of the training and its entry in the study
        return _held_back(Card.read(store.find(name, ground.work).folder))
    prepared = prepare(settings, ground.pairs, ground.assistant, progress=ground.progress)
    planned = replace(plan(settings, prepared, name=name, progress=ground.progress), proof=False)
    mine = settings.model_copy(update={"home": ground.work})
    try:
        judge = Judge(ground.score, watch.noted)
        card = train(mine, planned, ground.assistant, judge, tell=watch.tell, progress=ground.progress)
        return _held_back(card)
    finally:
        watch.note_seconds()
        gc.collect()  # the model of this trial, before the next one is loaded


def clear(number: int, work: Path) -> None:
    """Remove what a trial that has ended left behind."""
    name = f"trial-{number:03d}"
    shutil.rmtree(work / "adapters" / name, ignore_errors=True)
    shutil.rmtree(request.folder_of(work, name), ignore_errors=True)


def _held_back(card: Card) -> float:
    return float(card.evaluation.get("held_back_score", 0.0))


class _Watch:
    """Between the training and the study: notes each validation, and stops the training when Optuna says that it will not win."""

    def __init__(self, trial: Any, name: str, ground: Ground) -> None:
        self._trial, self._ground = trial, ground
        self._folder = request.folder_of(ground.work, name)
        self._scores: Mapping[str, float] = {}
        self._before = float(trial.user_attrs.get("seconds", 0.0))
        self._began = time.monotonic()

    def noted(self, scores: Mapping[str, float]) -> None:
        """What a validation found; kept until the training has told of it."""
        self._scores = dict(scores)

    def tell(self, line: str) -> None:
        """Called with each line that the training says, of which some report a validation."""
        self._ground.tell(f"trial {self._trial.number}: {line}")
        points = [point.f1 for point in curve.read(self._folder) if point.f1 is not None]
        if not self._scores or not points:
            return
        noted = self._trial.user_attrs.get("scores", {})
        if not noted or sum(self._scores.values()) / len(self._scores) > sum(noted.values()) / len(noted):
            self._trial.set_user_attr("scores", self._scores)
        self._scores = {}
        self.note_seconds()
        self._report(len(points), points[-1])

    def note_seconds(self) -> None:
        self._trial.set_user_attr("seconds", round(self._before + time.monotonic() - self._began, 1))

    def _report(self, number: int, score: float) -> None:
        """`number`: which validation of the training it is, so that trials of other lengths are compared at the same share of theirs."""
        import optuna

        frozen = self._trial.study.get_trials(deepcopy=False)[self._trial.number]
        if number not in frozen.intermediate_values:  # a training that was resumed may validate again where it was killed
            self._trial.report(score, number)
        if number < self._ground.settings.train.validations and self._trial.should_prune():
            raise optuna.TrialPruned
