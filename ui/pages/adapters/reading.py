"""What the adapters' page shows, read from the disk: adapters with their cards and state, and where each could be served here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rag.errors import UserError

if TYPE_CHECKING:
    from adapters.card import Card
    from adapters.store import Stored
    from rag.settings import Settings

State = Literal["loaded", "older", "gone", "elsewhere", "idle", "broken"]
"""loaded: answers; older: answers with weights from before; gone: its server is not there; elsewhere: loaded for another base model."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One adapter. `way`: how it is loaded, "" when it is not; `card` None and `problem`: its card cannot be read."""

    name: str
    shipped: bool
    megabytes: float
    state: State
    way: str = ""
    card: Card | None = None
    problem: str = ""

    @property
    def loaded(self) -> bool:
        return bool(self.way)


@dataclass(frozen=True, slots=True)
class Here:
    """Whether it could answer with these settings: `why` is the reason for the way, or everything that is against it."""

    way: str
    why: str


def entries(settings: Settings) -> list[Entry]:
    """Every adapter of the home and those that ship, by name. Asks the servers of loaded ones whether they are there."""
    from adapters import store

    found = []
    for name in store.names(settings.home):
        try:
            found.append(_entry(store.find(name, settings.home), settings))
        except (UserError, OSError):  # deleted since it was listed
            continue
    return found


def here(entry: Entry, settings: Settings) -> Here:
    """From the card, the settings and this machine."""
    from adapters import store
    from adapters.card import problems
    from adapters.gate import route

    if entry.card is None:
        return Here("", entry.problem)
    try:
        wrong = problems(entry.card, store.find(entry.name, settings.home).folder, settings)
        decision = route(entry.card, settings)
    except UserError as exc:
        return Here("", str(exc))
    return Here("", "; ".join(wrong)) if wrong else Here(decision.route, decision.reason)


def _entry(stored: Stored, settings: Settings) -> Entry:
    from adapters.card import Card

    size = stored.megabytes
    try:
        card = Card.read(stored.folder)
        state, way = _state(stored, settings)
    except UserError as exc:
        return Entry(stored.name, stored.shipped, size, "broken", problem=exc.what)
    return Entry(stored.name, stored.shipped, size, state, way, card)


def _state(stored: Stored, settings: Settings) -> tuple[State, str]:
    from adapters.serving import running
    from rag.generate import routes

    route = routes.read(settings.home).get(stored.name)
    if route is None:
        return "idle", ""
    if route.base != settings.generate.model:
        return "elsewhere", route.way
    if not running(route, settings):
        return "gone", route.way
    return ("loaded" if route.sha256 == _sha256(stored) else "older"), route.way


def _sha256(stored: Stored) -> str:
    """Of the weights; a gigabyte takes seconds to read, so each state of the files is read once."""
    files = [path for path in stored.folder.iterdir() if path.suffix == ".safetensors"]
    return _hashed(stored.folder, tuple(sorted((path.name, path.stat().st_mtime_ns, path.stat().st_size) for path in files)))


@lru_cache(maxsize=64)
def _hashed(folder: Path, files: tuple[tuple[str, int, int], ...]) -> str:
    from adapters.store import weights_sha256

    return weights_sha256(folder)
