"""What is kept of a job on disk: job.json, replaced whole at every change of state, and the settings it runs with."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

import psutil

from rag.settings import Settings
from ui.jobs.runner import ENDED

Kind = Literal["index", "train", "eval", "load", "merge"]
State = Literal["waiting", "running", "done", "failed", "stopped", "lost"]
KINDS: tuple[Kind, ...] = get_args(Kind)
BUSY: tuple[State, ...] = ("waiting", "running")
ENDED_STATES: tuple[State, ...] = ("done", "failed", "stopped", "lost")

FILE, SETTINGS, PROGRESS, OUTPUT = "job.json", "settings.toml", "progress.jsonl", "output.log"


@dataclass(slots=True)
class Record:
    """`pid`, `pid_began`: the runner's, by which it is known again; `owner`, `owner_began`: the page's; `stopping`: when that was asked."""

    id: str
    kind: Kind
    title: str
    arguments: tuple[str, ...]
    state: State
    asked: float
    began: float
    cwd: str
    owner: int
    owner_began: float
    ended: float | None = None
    problem: str = ""
    returncode: int | None = None
    pid: int = 0
    pid_began: float = 0.0
    stopping: float | None = None

    def write(self, folder: Path) -> None:
        _replace(folder / FILE, json.dumps(asdict(self), indent=1))


def read(folder: Path) -> Record | None:
    """None when it cannot be read: then nothing is known of that job."""
    try:
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))
        known = {field.name: found[field.name] for field in fields(Record)}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    known["arguments"] = tuple(known["arguments"])
    return Record(**known) if known["kind"] in KINDS and known["id"] == folder.name else None


def exit_of(folder: Path) -> tuple[int, float] | None:
    """(return code, when) as the runner wrote them; None when it did not come to that."""
    try:
        found = json.loads((folder / ENDED).read_text(encoding="utf-8"))
        return int(found["returncode"]), float(found["at"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def process(pid: int, began: float) -> psutil.Process | None:
    """That very process if it still runs: a pid alone says nothing, it is used again."""
    if not pid:
        return None
    try:
        found = psutil.Process(pid)
        same = abs(found.create_time() - began) < 0.05 and found.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return None
    return found if same else None


def write_settings(settings: Settings, file: Path) -> None:
    """A settings file that says everything, readable by its owner only. Secrets are in no settings, just the names of their variables."""
    file.touch(mode=0o600)
    file.write_text(_toml(settings.model_dump(mode="json")), encoding="utf-8")


def _toml(values: dict[str, Any]) -> str:
    plain = {key: value for key, value in values.items() if not isinstance(value, dict)}
    sections = {key: value for key, value in values.items() if isinstance(value, dict)}
    lines = [f"{key} = {_value(value)}" for key, value in plain.items() if value is not None]
    for name, section in sections.items():
        lines += ["", f"[{name}]", *(f"{key} = {_value(value)}" for key, value in section.items() if value is not None)]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_value(inner)}" for key, inner in value.items() if inner is not None) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    # JSON's strings, numbers and truth values are TOML's, but for one character
    return re.sub("\x7f", r"\\u007F", json.dumps(value, ensure_ascii=False))


def _replace(file: Path, text: str) -> None:
    fresh = file.with_name(f".{file.name}-{os.getpid()}")
    with fresh.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(fresh, file)
