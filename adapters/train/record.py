"""The card of a finished training."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from adapters.card import BaseWeights, Card, Data, Point, library_versions
from adapters.train.arguments import rate_of
from rag.context.prompt import template_hash
from rag.settings import Settings, Train

if TYPE_CHECKING:
    from adapters.train.plan import Plan

MEASURES = ("score", "answered", "over_refused", "refused", "offset")
"""Of a validation, what the card keeps (see `adapters.train.refusals.measures`)."""


def kept_curve(history: Sequence[Mapping[str, Any]]) -> tuple[Point, ...]:
    """The training curve from the Trainer's log: loss, held-back loss and held-back score by step."""
    rows: dict[int, dict[str, float]] = {}
    for entry in history:
        row = rows.setdefault(int(entry["step"]), {})
        for key, name in (("loss", "loss"), ("eval_loss", "validation"), ("eval_score", "f1")):
            if key in entry:
                row[name] = round(float(entry[key]), 5)
    return tuple(Point(step=step, **row) for step, row in sorted(rows.items()) if row)


def best_validation(history: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Of the Trainer's log, the validation whose weights were kept: its measures and its step; empty when there was none."""
    rows = [entry for entry in history if "eval_score" in entry]
    if not rows:
        return {}
    best = max(rows, key=lambda row: (row["eval_score"], -row["eval_loss"]))
    return {"step": best["step"], **{name: round(float(best[f"eval_{name}"]), 5) for name in MEASURES if f"eval_{name}" in best}}


def card_of(
    settings: Settings,
    planned: Plan,
    *,
    curve: tuple[Point, ...],
    validation: Mapping[str, float],
    weights: str,
    seconds: float,
    model: Any,
) -> Card:
    """Everything that says what the adapter is and how to make it again."""
    prepared, train = planned.prepared, settings.train
    told = {key: value for key, value in train.model_dump(mode="json").items() if key not in ("method", "options", "qa")}
    measured = {("held_back_score" if name == "score" else name): value for name, value in validation.items() if name != "offset"}
    return Card(
        name=planned.name,
        base=BaseWeights(model=planned.base.name, revision=planned.base.revision),
        method=planned.method.name,
        options=planned.options.model_dump(mode="json"),
        training={**told, "learning_rate": rate_of(train, planned.method)},
        parameters=sum(value.numel() for value in model.parameters() if value.requires_grad),
        data=Data(
            recipe=train.recipe,
            sha256=prepared.hash,
            sizes=dict(prepared.report.examples.kinds),
            training=len(prepared.train),
            validation=len(prepared.validation),
            split="by document",
        ),
        seed=train.seed,
        template=template_hash(),
        style=train.style,
        versions=library_versions(),
        curve=curve,
        evaluation=measured,
        routes=planned.routes,
        sha256=weights,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(seconds, 1),
        command=shlex.join(["atlas", *with_length(sys.argv[1:], train)]),
    )


def with_length(typed: Sequence[str], train: Train) -> list[str]:
    """The arguments that were typed; where train.minutes might have cut the training, with the length that it had.

    So they give the same weights on a machine of any speed.
    """
    if not train.minutes or "train" not in typed:
        return list(typed)
    at = typed.index("train")
    length = [("minutes", 0), ("epochs", train.epochs), ("validations", train.validations)]
    return [*typed[:at], *(part for key, value in length for part in ("--set", f"train.{key}={value}")), *typed[at:]]
