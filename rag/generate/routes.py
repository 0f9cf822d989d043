"""Which adapters are loaded, and where each is answered: <home>/routes.json, read again whenever it changes."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from rag.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rag.settings import Settings

FILE = "routes.json"
Way = Literal["vllm", "merged", "in-process"]
"""vllm: chosen by name in the base model's server; merged: by a server of its own; in-process: by transformers, here."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where the adapter called `adapter` is answered.

    `served`: the name that the server, or the folder's copy, is asked by; it holds the beginning of `sha256` (of the weights), so
    that a name never stands for other weights than before. `base`: the model that it changes. `server`: the managed server of a
    merged adapter. `folder`: the copy of the adapter that is served, for `vllm` and `in-process`. `bias`: how readily it refuses,
    token id and what is added to its logit (from its card).
    """

    adapter: str
    way: Way
    served: str
    sha256: str
    base: str
    server: str = ""
    folder: str = ""
    bias: tuple[tuple[int, float], ...] = ()


class UnknownAdapter(UserError):
    """No adapter of that name is loaded for this base model."""


class Routes:
    """The routes of a home, for the base model of the settings. Cheap to ask: one `stat` while nothing changes."""

    def __init__(self, settings: Settings) -> None:
        self._home, self._base = settings.home, settings.generate.model
        self._seen: tuple[int, int, int] | None = None
        self._known: Mapping[str, Route] = {}

    def loaded(self) -> dict[str, Route]:
        """By the adapter's name, in the order in which they were loaded. Raises UserError when the file is not ours."""
        self._refresh()
        return {name: route for name, route in self._known.items() if route.base == self._base}

    def find(self, name: str | None) -> Route:
        """The route of that adapter; without a name, of the one that was loaded last. Raises UnknownAdapter naming what is loaded."""
        loaded = self.loaded()
        if name is None and loaded:
            return list(loaded.values())[-1]
        if name is not None and name in loaded:
            return loaded[name]
        raise self._unknown(name, loaded)

    def _unknown(self, name: str | None, loaded: Mapping[str, Route]) -> UnknownAdapter:
        do = "Load one: atlas adapters load NAME (`atlas adapters list` shows them)."
        if name is None:
            return UnknownAdapter(f"No adapter is loaded for {self._base}.", do)
        if name in self._known:
            return UnknownAdapter(
                f"The adapter '{name}' is loaded for {self._known[name].base}, and the model is {self._base}.",
                "Set generate.model to that one, or load an adapter of this model.",
            )
        have = f"Loaded: {', '.join(loaded)}." if loaded else "None is."
        return UnknownAdapter(f"The adapter '{name}' is not loaded. {have}", f"Load it: atlas adapters load {name}")

    def _refresh(self) -> None:
        path = self._home / FILE
        try:
            stat = path.stat()
        except FileNotFoundError:
            self._seen, self._known = None, {}
            return
        seen = (stat.st_mtime_ns, stat.st_ino, stat.st_size)  # replaced within one tick of the clock: another inode
        if seen != self._seen:
            self._known, self._seen = read(self._home), seen


def read(home: Path) -> dict[str, Route]:
    """Every route of the home, of any base model. Raises UserError when the file cannot be used."""
    path = home / FILE
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        found = {row["adapter"]: _route(row) for row in rows}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise UserError(f"{path} cannot be used ({exc}).", "Remove it and load the adapters again: atlas adapters load NAME") from exc
    return found


def publish(home: Path, route: Route) -> None:
    """From now on the adapter is answered there; a route that it had before is replaced at once."""
    with _changing(home) as routes:
        routes.pop(route.adapter, None)
        routes[route.adapter] = route


def withdraw(home: Path, adapter: str) -> Route | None:
    """The adapter is not answered any more. Returns the route that it had, None when it had none."""
    with _changing(home) as routes:
        return routes.pop(adapter, None)


def _route(row: Mapping[str, Any]) -> Route:
    words = {key: value for key, value in row.items() if key != "bias"}
    unknown = set(row) - {field.name for field in fields(Route)}
    if unknown or row["way"] not in get_args(Way) or not all(isinstance(value, str) for value in words.values()):
        raise ValueError(f"not a route: {dict(row)}")
    return Route(**words, bias=tuple((int(token), float(value)) for token, value in row.get("bias", ())))


@contextmanager
def _changing(home: Path) -> Iterator[dict[str, Route]]:
    """The routes to change; written back in one step, by one process at a time."""
    from filelock import FileLock

    home.mkdir(parents=True, exist_ok=True)
    with FileLock(home / "routes.lock"):
        routes = read(home)
        yield routes
        beside = home / f".{FILE}.{os.getpid()}.{secrets.token_hex(4)}"
        beside.write_text(json.dumps([asdict(route) for route in routes.values()], indent=1), encoding="utf-8")
        beside.replace(home / FILE)
