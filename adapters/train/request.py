"""What a training was asked to do, kept beside its checkpoints: the same request goes on where it stopped, another one does not."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rag.errors import UserError
from rag.types import content_id

FILE = "request.json"
LENGTH = "length.json"
NEUTRAL = frozenset({"checkpoint_seconds", "leakage", "qa", "threads"})
"""Settings that change nothing about the weights (the pairs are in the data's hash)."""


@dataclass(frozen=True, slots=True)
class Request:
    """`data`: hash of examples and validation pairs; `settings`: the values of [train] that decide about the weights."""

    name: str
    model: str
    revision: str
    method: str
    options: dict[str, Any]
    settings: dict[str, Any]
    data: str
    template: str
    dtype: str

    @property
    def fingerprint(self) -> str:
        return content_id(json.dumps(asdict(self), sort_keys=True, default=str))


def folder_of(home: Path, name: str) -> Path:
    """Where an unfinished training keeps its state."""
    return home / "trainings" / name


def dtype_of(home: Path, name: str) -> str:
    """In which precision an unfinished training of that name began; "" when there is none."""
    try:
        return str(json.loads((folder_of(home, name) / FILE).read_text(encoding="utf-8"))["dtype"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def length_of(folder: Path) -> dict[str, Any] | None:
    """The settings that `keep_length` kept, for a training that goes on; None when it has not begun."""
    try:
        found = json.loads((folder / LENGTH).read_text(encoding="utf-8"))
        return {"epochs": float(found["epochs"]), "validations": int(found["validations"])}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def keep_length(folder: Path, *, epochs: float, validations: int) -> dict[str, Any]:
    """How long the training will be, decided once; returns the settings that say so."""
    length = {"epochs": epochs, "validations": validations}
    _write(folder / LENGTH, length)
    return length


def open_folder(home: Path, request: Request, *, fresh: bool) -> Path:
    """The training's folder, with this request in it. Raises UserError when it holds another unfinished training."""
    folder = folder_of(home, request.name)
    if fresh:
        shutil.rmtree(folder, ignore_errors=True)
    found = folder / FILE
    if found.is_file():
        try:
            before = json.loads(found.read_text(encoding="utf-8"))
        except ValueError:
            before = {}
        now = json.loads(json.dumps(asdict(request), default=str))
        differs = [key for key in now if before.get(key) != now[key]]
        if differs:
            raise UserError(
                f"An unfinished training '{request.name}' is there, with other {_words(differs, before, now)}.",
                "Go on with the settings it was started with, give the new one another --name, or begin again: --fresh",
            )
    folder.mkdir(parents=True, exist_ok=True)
    _write(found, asdict(request))
    return folder


def _write(file: Path, values: dict[str, Any]) -> None:
    beside = file.with_name(f".{file.name}")
    beside.write_text(json.dumps(values, indent=1, ensure_ascii=False, default=str) + "\n", encoding="utf-8")
    beside.replace(file)


def _words(differs: list[str], before: dict[str, Any], now: dict[str, Any]) -> str:
    said = []
    for key in differs:
        old, new = before.get(key), now[key]
        if isinstance(old, dict) and isinstance(new, dict):
            said += [
                f"train.{inner} ({old.get(inner)} then, {new.get(inner)} now)"
                for inner in sorted({*old, *new})
                if old.get(inner) != new.get(inner)
            ]
        else:
            said.append(f"{key} ({old} then, {new} now)")
    return ", ".join(said)
