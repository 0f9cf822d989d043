"""What a build did, and the report of the last one, kept beside the versions of its index: what was skipped, and why."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from rag.ingest.folder import Duplicate, Problem

FILE = "last-build.json"


@dataclass(frozen=True, slots=True)
class BuildReport:
    """`embedded`: vectors computed now; `reused`: chunks whose vector was known; `truncated`: chunks longer than the
    embedder reads; `seconds`: per stage; `unchanged`: the live version already is this one, nothing was written;
    `notes`: what else the user should know, one line each.
    """

    name: str
    version: str
    documents: int
    chunks: int
    embedded: int
    reused: int
    truncated: int
    problems: tuple[Problem, ...]
    duplicates: tuple[Duplicate, ...]
    ignored: int
    seconds: Mapping[str, float]
    unchanged: bool
    notes: tuple[str, ...] = ()


def write(folder: Path, report: BuildReport) -> None:
    """Replace the report of the build before. The index is live by then: a full disk only costs the report."""
    fresh = folder / f".{FILE}-{os.getpid()}"
    with suppress(OSError):
        fresh.write_text(json.dumps({"at": datetime.now(UTC).isoformat(timespec="seconds"), **asdict(report)}), encoding="utf-8")
        os.replace(fresh, folder / FILE)


def read(folder: Path) -> tuple[datetime, BuildReport] | None:
    """When the last build ended, and its report; None when there is none that can be read."""
    try:
        loaded = json.loads((folder / FILE).read_text(encoding="utf-8"))
        at = datetime.fromisoformat(loaded["at"])
        values = {field.name: loaded[field.name] for field in fields(BuildReport)}
        values["problems"] = tuple(Problem(**each) for each in values["problems"])
        values["duplicates"] = tuple(Duplicate(**each) for each in values["duplicates"])
        values["notes"] = tuple(values["notes"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return at, BuildReport(**values)
