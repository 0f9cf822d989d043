"""Files of question-answer pairs that a page offers: those of the settings and the corpus, and uploaded ones, kept in the home."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rag.errors import InputError

if TYPE_CHECKING:
    from rag.settings import Settings

MOST_BYTES = 10_000_000
MOST_PAIRS = 20_000
KINDS = (".jsonl", ".csv", ".tsv", ".json")
JSONL = (".jsonl",)
SHOWN = 60
"""Files offered, at most."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An uploaded file that was read and kept."""

    path: Path
    pairs: int


def folder_of(settings: Settings) -> Path:
    return settings.home / "uploads" / "pairs"


def offered(settings: Settings, *, first: Sequence[str] = (), kinds: Sequence[str] = KINDS) -> list[tuple[str, str]]:
    """(label, path) of every file that is there: `first`, then those of the settings, beside them, in the corpus, and uploaded ones."""
    named = [Path(name) for name in (*first, *settings.qa, *settings.train.qa)]
    beside = {path.parent for path in named} | {settings.corpus / "qa", folder_of(settings)}
    found = [*named, *(file for folder in sorted(beside) if folder.is_dir() for file in sorted(folder.iterdir()))]
    files = {file.resolve(): file for file in reversed(found) if file.suffix.lower() in kinds and file.is_file()}
    ordered = list(dict.fromkeys(file.resolve() for file in found if file.resolve() in files))[:SHOWN]
    names = [path.name for path in ordered]
    return [(path.name if names.count(path.name) == 1 else f"{path.parent.name}/{path.name}", str(path)) for path in ordered]


def existing(names: Sequence[str]) -> list[str]:
    """Those of the settings that are there, as `offered` writes them."""
    return [str(Path(name).resolve()) for name in names if Path(name).is_file()]


def keep(file: Path, settings: Settings, *, kinds: Sequence[str] = KINDS) -> Kept:
    """Check an uploaded file row by row and copy it into the home. Raises InputError naming what is wrong with it."""
    from eval.cases.read import read_cases
    from rag.qa import read_pairs

    suffix, size = file.suffix.lower(), file.stat().st_size
    shown = re.sub(r"[^\w.-]+", "-", file.stem).strip("-.")[:60] or "pairs"
    if suffix not in kinds:
        raise InputError(f"{shown}{suffix} is not a file of pairs.", f"Upload one of: {', '.join(kinds)}.")
    if size > MOST_BYTES:
        raise InputError(f"{shown}{suffix} has {size / 1e6:.1f} MB.", f"Upload at most {MOST_BYTES / 1e6:.0f} MB.")
    content = file.read_bytes()
    target = folder_of(settings) / f"{shown}-{hashlib.sha256(content).hexdigest()[:8]}{suffix}"
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}")
    beside.write_bytes(content)
    try:
        count = len(read_pairs([beside]) if kinds == JSONL else read_cases([beside]))
        if count > MOST_PAIRS:
            raise InputError(f"{shown}{suffix} has {count:,} pairs.", f"Upload at most {MOST_PAIRS:,}.")
        beside.replace(target)
    except InputError as exc:
        said = exc.what.replace(str(beside), f"{shown}{suffix}")
        raise InputError(said, exc.do) from exc
    finally:
        beside.unlink(missing_ok=True)
    return Kept(target, count)
