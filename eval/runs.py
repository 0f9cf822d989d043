"""Runs on disk: <home>/runs/<time>-<fingerprint>/, one folder each, written by one process at a time.

manifest.json    what the run was made of, and how far it is; replaced atomically
contexts.jsonl   the frozen retrieval, a case a line
replies.jsonl    the journal: a reply or a failure a line
judge.jsonl      what a judge said, votes.jsonl: the votes of people it is measured against; where there is one
run.json         everything, once it is complete; scores.jsonl: its scores, a reply a line
report/          the report
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from eval.types import Run
from eval.votes import Vote, as_lines, read_votes
from rag.errors import InputError
from rag.settings import Settings

MANIFEST, CONTEXTS, REPLIES, RUN, SCORES, LOCK = "manifest.json", "contexts.jsonl", "replies.jsonl", "run.json", "scores.jsonl", "lock"
VOTES = "votes.jsonl"
LAST = "last"


def folder_of(settings: Settings) -> Path:
    return settings.home / "runs"


def create(settings: Settings, fingerprint: str) -> Path:
    """A new folder, named by the time and what determines the answers: sorted after those of the same second, too."""
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    for number in range(len(list(folder_of(settings).glob(f"{stamp}*"))), 100):
        folder = folder_of(settings) / f"{stamp}{f'.{number:02}' if number else ''}-{fingerprint}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise InputError(f"{folder_of(settings)} has 100 runs of this second.", "Wait a second.")


def everything(settings: Settings) -> list[Path]:
    """The folders of all runs, oldest first. One that was killed before its manifest was written holds nothing and is not there."""
    return sorted(file.parent for file in folder_of(settings).glob(f"*/{MANIFEST}"))


def finished(folder: Path) -> bool:
    return (folder / RUN).is_file()


def unfinished(settings: Settings, fingerprint: str) -> Path | None:
    """The newest run with this fingerprint that was not completed."""
    found = [folder for folder in everything(settings) if folder.name.endswith(f"-{fingerprint}") and not finished(folder)]
    return found[-1] if found else None


def find(settings: Settings, name: str) -> Path:
    """A run by its folder's name or the beginning of it, by the name the user gave it, by path, or "last".

    Raises InputError when there is none, or several.
    """
    if Path(name).is_dir() and (Path(name) / MANIFEST).is_file():
        return Path(name)
    runs = everything(settings)
    if not runs:
        raise InputError(f"There are no runs in {folder_of(settings)}.", "Make one: atlas eval --qa FILE")
    if name == LAST:
        return runs[-1]
    matches = [run for run in runs if run.name == name] or [run for run in runs if run.name.startswith(name)]
    matches = matches or [run for run in runs if read_manifest(run).get("name") == name][-1:]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise InputError(
            f"'{name}' is the beginning of {len(matches)} runs: {', '.join(run.name for run in matches[-3:])}.", "Say more of it."
        )
    raise InputError(f"There is no run '{name}' in {folder_of(settings)}.", f"The last is {runs[-1].name}; all: atlas eval list")


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Only one process writes a run; the kernel frees the lock when it dies. Raises InputError when another has it."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout as exc:
        raise InputError(f"Another process is at work on the run {folder.name}.", "Wait for it; or start another run: --fresh") from exc
    try:
        yield
    finally:
        lock.release()


def read_manifest(folder: Path) -> dict[str, Any]:
    """Raises InputError when it is damaged."""
    file = folder / MANIFEST
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise InputError(f"{file} cannot be read ({exc}).", "Start the evaluation anew.") from exc
    if not isinstance(found, dict):
        raise InputError(f"{file} is not a manifest.", "Start the evaluation anew.")
    return found


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    _write(folder / MANIFEST, (json.dumps(manifest, ensure_ascii=False, indent=1) + "\n").encode())


def save(folder: Path, run: Run) -> None:
    """The scores, then the run: it is finished when this is written."""
    lines = [json.dumps(asdict(scores), ensure_ascii=False, sort_keys=True) + "\n" for scores in run.scores]
    _write(folder / SCORES, "".join(lines).encode())
    whole = TypeAdapter(Run).dump_python(run, mode="json")
    _write(folder / RUN, json.dumps(whole, ensure_ascii=False).encode())  # knows infinity, which pydantic would write as null


def load(folder: Path) -> Run:
    """A finished run. Raises InputError when it is not finished, or damaged."""
    if not finished(folder):
        raise InputError(f"The run {folder.name} is not finished.", f"Go on with it: atlas eval --resume {folder.name}")
    try:
        return TypeAdapter(Run).validate_json((folder / RUN).read_bytes())
    except ValidationError as exc:
        raise InputError(
            f"{folder / RUN} cannot be read: {str(exc).splitlines()[0]}.", "It may be another version's; run it anew."
        ) from exc


def write_votes(folder: Path, votes: Sequence[Vote]) -> None:
    """In place of those of an earlier sitting."""
    _write(folder / VOTES, as_lines(votes).encode())


def votes_of(folder: Path) -> tuple[Vote, ...]:
    """Those that the run is measured against, () when there are none. Raises InputError when they are damaged."""
    return read_votes(folder / VOTES) if (folder / VOTES).is_file() else ()


def _write(file: Path, content: bytes) -> None:
    """Whole or not at all, and on the disk."""
    beside = file.with_name(f".{file.name}.unfinished")
    with beside.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(beside, file)
