"""What is indexed beside the folder of the settings: uploaded files, and folders that were added; kept in the home.

<home>/uploads/        uploaded files; their paths begin with "uploads/"
<home>/sources.json    the folders that were added, by name, and whether the folder of the settings is left out
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from rag.errors import InputError
from rag.settings import Settings

UPLOADS = "uploads"
FILE = "sources.json"


@dataclass(frozen=True, slots=True)
class Sources:
    """`corpus`: whether the folder of the settings is indexed; `added`: name -> folder."""

    corpus: bool = True
    added: Mapping[str, str] = field(default_factory=dict)


def read(home: Path) -> Sources:
    """Raises InputError when the file is damaged: building on without it would drop documents in silence."""
    file = home / FILE
    try:
        loaded = json.loads(file.read_text(encoding="utf-8"))
        return Sources(bool(loaded["corpus"]), {str(name): str(folder) for name, folder in loaded["added"].items()})
    except FileNotFoundError:
        return Sources()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
        raise InputError(f"{file} is damaged ({exc}).", "Remove it and add the folders again.") from exc


def add(home: Path, folder: Path) -> str:
    """Index this folder, too, from the next build on; returns the name that its paths begin with. Raises InputError."""
    if not folder.is_absolute():
        raise InputError(f"'{folder}' is not a full path.", "Begin it with /.")
    if not folder.is_dir() or not os.access(folder, os.R_OK | os.X_OK):
        raise InputError(f"'{folder}' is not a folder that can be read.", "Check its name.")
    place, ours, known = folder.resolve(), home.resolve(), read(home)
    if place == Path(place.anchor) or ours.is_relative_to(place) or place.is_relative_to(ours):
        raise InputError(f"'{folder}' holds more than documents.", "Choose the folder of the documents.")
    for name, there in known.added.items():
        if Path(there) == place:
            return name
    name = _free(re.sub(r"[^\w.-]+", "-", place.name).strip("-.") or "folder", {UPLOADS, *known.added})
    _write(home, replace(known, added={**known.added, name: str(place)}))
    return name


def remove(home: Path, name: str) -> None:
    """Leave a folder that was added out again. Its files stay."""
    known = read(home)
    if name not in known.added:
        raise InputError(f"No folder '{name}' was added.", f"There are: {', '.join(known.added) or 'none'}.")
    _write(home, replace(known, added={each: folder for each, folder in known.added.items() if each != name}))


def with_corpus(home: Path, wanted: bool) -> None:
    """Index the folder of the settings, or leave it out."""
    _write(home, replace(read(home), corpus=wanted))


def folders(settings: Settings) -> tuple[Path | None, dict[str, Path]]:
    """The folder of the settings (None when it is left out), and the others by the name that their paths begin with."""
    known = read(settings.home)
    uploads = settings.home / UPLOADS
    there = {UPLOADS: uploads} if uploads.is_dir() and any(uploads.iterdir()) else {}
    return settings.corpus if known.corpus else None, {**there, **{name: Path(folder) for name, folder in known.added.items()}}


def named(root: Path | None, also: Mapping[str, Path]) -> str:
    """All of them in a line, for the manifest."""
    return " + ".join([*([str(root)] if root else []), *map(str, also.values())]) or "nothing"


def _free(name: str, taken: set[str]) -> str:
    return next(each for each in [name, *(f"{name}-{number}" for number in range(2, len(taken) + 3))] if each not in taken)


def _write(home: Path, sources: Sources) -> None:
    home.mkdir(parents=True, exist_ok=True)
    fresh = home / f".{FILE}-{os.getpid()}"
    fresh.write_text(json.dumps(asdict(sources), ensure_ascii=False, indent=1), encoding="utf-8")
    os.replace(fresh, home / FILE)
