"""manifest.json: what an index version was made of; written last, checked before anything is opened."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from rag.errors import IndexError_

FORMAT = 1
FILE = "manifest.json"


@dataclass(frozen=True, slots=True)
class Manifest:
    """`files`: relative path -> bytes of everything that never changes; `seconds`: stage -> duration of the build.

    `corpus_hash` covers the documents and their chunks; `truncated` counts chunks longer than the embedder reads.
    """

    version: str
    created: str
    corpus: str
    corpus_hash: str
    documents: int
    chunks: int
    truncated: int
    languages: Mapping[str, int]
    embedder: Mapping[str, str | int]
    chunker: Mapping[str, str | int]
    store: Mapping[str, str | int | float]
    seconds: Mapping[str, float]
    files: Mapping[str, int]
    format: int = FORMAT


def write(folder: Path, manifest: Manifest) -> None:
    (folder / FILE).write_text(json.dumps(asdict(manifest), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def read(folder: Path) -> Manifest:
    """Raises IndexError_, one line, when it is missing, damaged, or of a format this version does not know."""
    file = folder / FILE
    rebuild = "Build the index again: `atlas index build`."
    try:
        loaded: Any = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as exc:
        raise IndexError_(f"{file} is missing.", rebuild) from exc
    except (OSError, ValueError) as exc:
        raise IndexError_(f"{file} is damaged ({exc}).", rebuild) from exc
    number = loaded.get("format") if isinstance(loaded, dict) else None
    if number != FORMAT:
        raise IndexError_(f"{file} has format {number!r}; this version of Atlas reads format {FORMAT}.", rebuild)
    names = {field.name for field in fields(Manifest)}
    if set(loaded) != names:
        wrong = sorted(set(loaded) ^ names)
        raise IndexError_(f"{file} is damaged (missing or unknown: {', '.join(wrong)}).", rebuild)
    return Manifest(**loaded)


def check_files(folder: Path, manifest: Manifest) -> None:
    """A cut-off file would be a bus error once it is memory-mapped; here it is one line. Names every wrong file."""
    wrong = []
    for name, size in manifest.files.items():
        file = folder / name
        actual = file.stat().st_size if file.is_file() else None
        if actual != size:
            wrong.append(f"{name} ({'missing' if actual is None else f'{actual} bytes'}, {size} expected)")
    if wrong:
        raise IndexError_(f"{folder} is damaged: {'; '.join(wrong)}.", "Build the index again, or roll back: `atlas index rollback`.")
