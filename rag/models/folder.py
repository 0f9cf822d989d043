"""From a model's name to its folder: a path, a name of the catalogue, or any hub id."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from rag.errors import ModelError
from rag.models import fetch as fetching
from rag.models import hub, manifest
from rag.models.catalogue import catalogue, find
from rag.progress import Progress, silent
from rag.settings import Settings

_HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*/[\w.-]+$")


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """An ordinary transformers / sentence-transformers folder.

    `revision`: 16 hex digits that name the weights, the same on every machine: the hub's commit, the sha256 of the
    packages' file, or of the folder's own weights.
    """

    name: str
    path: Path
    revision: str


def resolve(name: str, settings: Settings, *, progress: Progress = silent, fetch: bool = True) -> ModelFolder:
    """The folder of a model, fetched first if need be (`fetch`). A name of the catalogue goes before a folder of that name.

    Raises ModelError: unknown, not fetched yet (with `fetch=False`), or no source could be used.
    """
    entry = find(name)
    if entry is not None:
        place = fetching.models_folder(settings) / entry.name
        if not (place / manifest.FILE).is_file():
            if not fetch:
                raise _missing(entry.name)
            place = fetching.fetch(entry, settings, progress=progress)
        return _ours(entry.name, place)
    path = Path(name).expanduser()
    if path.is_dir():
        return _local(path, settings)
    if name.startswith((".", "/", "~")) or not _HUB_ID.match(name):
        raise _unknown(name)
    return _from_hub(name, settings, progress=progress, fetch=fetch)


def _ours(name: str, place: Path) -> ModelFolder:
    return ModelFolder(name, place, str(manifest.read(place)["revision"]))


def _local(path: Path, settings: Settings) -> ModelFolder:
    if (path / manifest.FILE).is_file():
        return _ours(str(path), path)
    if not (path / "config.json").is_file() or not any(p.suffix in manifest.WEIGHTS for p in path.iterdir()):
        raise ModelError(f"{path} is not a model folder: it needs config.json and weights.", "Name the folder that holds them.")
    cache = fetching.models_folder(settings) / ".digests.json"
    return ModelFolder(str(path), path, manifest.content_revision(path, cache))


def _from_hub(name: str, settings: Settings, *, progress: Progress, fetch: bool) -> ModelFolder:
    place = fetching.models_folder(settings) / name.replace("/", "--")
    if (place / manifest.FILE).is_file():
        return _ours(name, place)
    cached = hub.cached(name)
    if cached is not None:
        return ModelFolder(name, cached[0], cached[1][:16])
    if not fetch:
        raise _missing(name)
    if not settings.models.hub:
        raise ModelError(f"'{name}' is on the hub, and models.hub is off.", "Set models.hub = true, or name a folder.")
    try:
        return _ours(name, fetching.fetch_from_hub(name, settings, progress=progress))
    except hub.HubUnreachable as exc:
        known = ", ".join(catalogue())
        raise ModelError(
            f"The hub cannot be reached for '{name}'.", f"Connect, name a folder, or use a model of the catalogue: {known}."
        ) from exc


def _missing(name: str) -> ModelError:
    return ModelError(f"The model {name} is not here yet.", f"Fetch it: atlas models fetch {name}")


def _unknown(name: str) -> ModelError:
    close = get_close_matches(name, list(catalogue()), n=1)
    hint = f"Did you mean '{close[0]}'?" if close else f"The catalogue has: {', '.join(catalogue())}."
    return ModelError(f"There is no model '{name}': no folder, no name of the catalogue, no hub id (owner/name).", hint)
