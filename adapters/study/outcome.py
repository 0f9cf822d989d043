"""What a study has found: its trials, which settings mattered, and the best ones as lines for atlas.toml."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from adapters.study.space import OPTION

ENOUGH = 4
"""Finished trials from which on something is said about importance; with so few it is a hint."""
State = Literal["finished", "pruned", "failed", "unfinished"]


@dataclass(frozen=True, slots=True)
class Trial:
    """One training. `score`: the best mean over the held-back pairs, in [0, 1], None before the first validation; `scores`: pair id ->
    what its answer was worth then; `problem`: why it failed."""

    number: int
    state: State
    values: Mapping[str, Any]
    score: float | None
    scores: Mapping[str, float]
    seconds: float
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`trials` in their order, the first with the settings as they were. `importance`: key -> share, largest first; {} when there are
    too few finished trials to say. `answerable`: pair id -> whether it can be answered; `groups`: pair id -> its first document."""

    name: str
    trials: tuple[Trial, ...]
    importance: Mapping[str, float]
    answerable: Mapping[str, bool]
    groups: Mapping[str, str]

    @property
    def best(self) -> Trial | None:
        """The finished trial with the highest score, of equal ones the first."""
        finished = [trial for trial in self.trials if trial.state == "finished" and trial.score is not None]
        return max(finished, key=lambda trial: (trial.score or 0.0, -trial.number), default=None)

    @property
    def present(self) -> Trial | None:
        """The trial with the settings as they were; None when it did not finish."""
        return next((trial for trial in self.trials if trial.number == 0 and trial.state == "finished"), None)


def outcome(study: Any) -> Outcome:
    """Of an Optuna study as `adapters.study.study` writes it."""
    facts = study.user_attrs.get("pairs", {})
    return Outcome(
        study.study_name,
        tuple(_trial(each) for each in study.get_trials(deepcopy=False) if each.state.name != "WAITING"),
        importance(study),
        {name: bool(row[0]) for name, row in facts.items()},
        {name: str(row[1]) for name, row in facts.items()},
    )


def importance(study: Any) -> dict[str, float]:
    """By fANOVA (Hutter et al. 2014) over the finished trials, summing to 1."""
    import optuna
    from optuna.trial import TrialState

    finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(finished) < ENOUGH or len({trial.value for trial in finished}) < 2:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = optuna.importance.get_param_importances(study, evaluator=optuna.importance.FanovaImportanceEvaluator(seed=0))
    return {key: float(share) for key, share in found.items()}


def snippet(values: Mapping[str, Any]) -> str:
    """Lines for atlas.toml."""
    lines = ["[train]", *(f"{key} = {json.dumps(value)}" for key, value in values.items() if not key.startswith(OPTION))]
    options = [f"{key.removeprefix(OPTION)} = {json.dumps(value)}" for key, value in values.items() if key.startswith(OPTION)]
    return "\n".join([*lines, *([f"options = {{ {', '.join(options)} }}"] if options else [])])


def _trial(frozen: Any) -> Trial:
    attributes = frozen.user_attrs
    problem = str(attributes.get("problem", ""))
    states: dict[str, State] = {"COMPLETE": "finished", "PRUNED": "pruned"}
    state: State = "failed" if problem else states.get(frozen.state.name, "unfinished")
    scores = attributes.get("scores", {})
    return Trial(
        frozen.number,
        state,
        attributes.get("values", frozen.params),
        sum(scores.values()) / len(scores) if scores else None,
        scores,
        float(attributes.get("seconds", 0.0)),
        problem,
    )
