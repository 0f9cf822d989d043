"""The training curve while it grows: <training>/curve.jsonl, a line per log entry, for whoever watches from another process."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adapters.card import Point

FILE = "curve.jsonl"
KEPT = {"loss": "loss", "eval_loss": "validation", "eval_score": "f1"}
"""Key of the Trainer's log -> field of a Point."""


def append(folder: Path, step: int, logs: Mapping[str, Any], *, steps: int = 0) -> None:
    """One line {"step", "steps", "loss", "eval_loss", "eval_score", "at"} with what the entry has of them; no line for nothing."""
    said = {key: float(logs[key]) for key in KEPT if key in logs}
    if said:
        line = json.dumps({"step": step, "steps": steps, **said, "at": round(time.time(), 3)})
        with (folder / FILE).open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def read(folder: Path) -> tuple[Point, ...]:
    """The points so far, by step; () when nothing was logged yet. A training that was resumed says some steps twice: the last counts.

    A line that was cut off by a kill, and a value that is no finite number, are left out.
    """
    try:
        lines = (folder / FILE).read_text(encoding="utf-8").split("\n")
    except OSError:
        return ()
    rows: dict[int, dict[str, float]] = {}
    for line in lines:
        step, values = _values(line)
        if values:
            rows.setdefault(step, {}).update(values)
    return tuple(Point(step=step, **row) for step, row in sorted(rows.items()))


def _values(line: str) -> tuple[int, dict[str, float]]:
    try:
        row = json.loads(line)
        step = int(row["step"])
        values = {name: float(row[key]) for key, name in KEPT.items() if key in row}
    except (ValueError, KeyError, TypeError):
        return 0, {}
    return step, {name: value for name, value in values.items() if math.isfinite(value)} if step >= 0 else {}
