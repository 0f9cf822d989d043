"""Trainings that were stopped or killed before their end: what they are, and the command that goes on with one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.store import NAME
from adapters.train.request import FILE


@dataclass(frozen=True, slots=True)
class Unfinished:
    """`step`: of the newest checkpoint, 0 without one. `options` and `settings` ([train]): those that it was started with."""

    name: str
    folder: Path
    method: str
    model: str
    step: int
    options: dict[str, Any]
    settings: dict[str, Any]


def unfinished(home: Path) -> list[Unfinished]:
    """By name. A folder whose request cannot be read is no training that could go on, and is left out."""
    found = []
    for file in sorted((home / "trainings").glob(f"*/{FILE}")):
        try:
            row = json.loads(file.read_text(encoding="utf-8"))
            method, model, options, settings = str(row["method"]), str(row["model"]), dict(row["options"]), dict(row["settings"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if NAME.fullmatch(file.parent.name):
            found.append(Unfinished(file.parent.name, file.parent, method, model, _step(file.parent), options, settings))
    return found


def command(training: Unfinished) -> tuple[str, ...]:
    """The words after `atlas` that go on with it, with the settings it was started with; its pairs are those of train.qa."""
    words: list[str] = []
    for key, value in training.settings.items():
        words += ["--set", f"train.{key}={_text(value)}"]
    words += ["train", "--name", training.name, "--method", training.method]
    for key, value in training.options.items():
        words += ["--option", f"{key}={_text(value)}"]
    return tuple(words)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _step(folder: Path) -> int:
    steps = (path.name.rpartition("-")[2] for path in (folder / "checkpoints").glob("checkpoint-*"))
    return max((int(step) for step in steps if step.isdigit()), default=0)
