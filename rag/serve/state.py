"""What a home remembers of its model servers: one file for each, replaced atomically."""

from __future__ import annotations

import json
import os
import secrets
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from rag.serve.processes import alive

BASE = "base"
"""Name of the server of the base model; every other server has a name of its own (adapter-...)."""
FILE = "serve.json"
TIMES = "serve-times.json"


@dataclass(frozen=True, slots=True)
class State:
    """One started server. `options`: hash of everything that was asked of it; `since`: seconds of the clock (time.time)."""

    pid: int
    mark: str
    model: str
    options: str
    host: str
    port: int
    log: str
    since: float

    @property
    def url(self) -> str:
        return url(self.host, self.port)

    @property
    def alive(self) -> bool:
        return alive(self.pid, self.mark)


def url(host: str, port: int) -> str:
    """Where this machine reaches a server that listens there: http://host:port/v1."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{reached}:{port}/v1"


def mark_of(home: Path, name: str = "") -> str:
    """What the marks of the server of that name start with; without a name, those of all servers of the home."""
    return f"{home.resolve()}#{name}#" if name else f"{home.resolve()}#"


def new_mark(home: Path, name: str = BASE) -> str:
    return mark_of(home, name) + secrets.token_hex(8)


def file_of(home: Path, name: str = BASE) -> Path:
    return home / (FILE if name == BASE else f"serve-{name}.json")


def names(home: Path) -> list[str]:
    """Every server that the home remembers, the base model's first."""
    others = sorted(path.stem.removeprefix("serve-") for path in home.glob("serve-*.json"))
    return [BASE, *others] if (home / FILE).is_file() else others


def read(home: Path, name: str = BASE) -> State | None:
    """The last server of that name, whether it still runs or not. A file that cannot be read counts as none."""
    found = _object(file_of(home, name))
    if set(found) != {field.name for field in fields(State)}:
        return None
    return State(**found)


def write(home: Path, state: State, name: str = BASE) -> None:
    home.mkdir(parents=True, exist_ok=True)
    _replace(file_of(home, name), asdict(state))


def forget(home: Path, mark: str = "", *, name: str = BASE) -> None:
    """Remove the file; with `mark`, only when it is still about that server."""
    state = read(home, name)
    if not mark or (state is not None and state.mark == mark):
        file_of(home, name).unlink(missing_ok=True)


def expected_seconds(home: Path, options: str) -> float:
    """How long the last start with these options took; 0 when there was none."""
    return float(_object(_times(home)).get(options, 0.0))


def remember_seconds(home: Path, options: str, since: float) -> None:
    path = _times(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    _replace(path, {**_object(path), options: round(time.time() - since, 1)})


def _times(home: Path) -> Path:
    return home / "cache" / TIMES  # beside the compiled graphs: whoever removes those removes the expectation, too


def _object(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _replace(path: Path, content: dict[str, Any]) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    beside.write_text(json.dumps(content, indent=1), encoding="utf-8")
    beside.replace(path)
