"""A vector store's collection: its name, written in the version's folder, so that a build that died can be cleaned up."""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

from rag.errors import IndexError_

FILE = "collection.json"


@dataclass(frozen=True, slots=True)
class Collection:
    """Where the vectors are: `url` is empty for an embedded store."""

    name: str
    url: str


def reserve(folder: Path, url: str) -> Collection:
    """A new name, on disk before the collection exists. The name is a legal identifier for every store."""
    collection = Collection(f"atlas_{uuid.uuid4().hex[:16]}", url)
    (folder / FILE).write_text(json.dumps(asdict(collection)), encoding="utf-8")
    return collection


def recorded(folder: Path) -> Collection:
    """Raises IndexError_ when the record is missing or damaged."""
    try:
        return Collection(**json.loads((folder / FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as exc:
        raise IndexError_(f"{folder / FILE} is missing or damaged ({exc}).", "Build the index again.") from exc


def exists(folder: Path) -> bool:
    return (folder / FILE).is_file()
