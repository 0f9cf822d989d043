"""Uploaded files: taken in under a harmless name, by content and size, without ever overwriting another or leaving their folder."""

from __future__ import annotations

import os
import re
import secrets
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rag.errors import InputError
from rag.ingest.encoding import decode
from rag.ingest.files import BINARY_SUFFIXES, Unreadable
from rag.ingest.readers import OTHER_KINDS, PARSED
from ui.plain import plain

LONGEST = 150
"""Bytes of a name; file systems take 255."""
MOST = 200
HEAD = 8192
KINDS = {
    "pdf": ("application/pdf",),
    "docx": ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "application/zip"),
    "rtf": ("application/rtf",),
}
"""Suffix -> what the content has to be; every other suffix has to hold text."""
Why = Literal["name", "large", "empty", "kind", "content", "binary", "many", "disk"]


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one file. `given`: the name it came with; `saved`: its name in the folder, "" when it was refused for `why`.

    `same`: it was there already, with the same content. `detail` completes the reason.
    """

    given: str
    saved: str = ""
    same: bool = False
    why: Why | None = None
    detail: str = ""


def take(files: Iterable[Path], folder: Path, *, limit_mb: float) -> list[Taken]:
    """Copy files into the folder (made when it is missing); each one is told of, in order."""
    given = list(files)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    taken = [_take(file, folder, limit_mb) for file in given[:MOST]]
    return taken + [Taken(plain(file.name), why="many", detail=str(MOST)) for file in given[MOST:]]


def _take(file: Path, folder: Path, limit_mb: float) -> Taken:
    given = plain(file.name)
    name = safe_name(file.name)
    if not name:
        return Taken(given, why="name")
    try:
        if file.stat().st_size > limit_mb * 2**20:
            return Taken(given, why="large", detail=f"{limit_mb:g}")
        data = file.read_bytes()
        if (refused := unfit(name, data)) is not None:
            return Taken(given, why=refused[0], detail=refused[1])
        return _keep(given, name, data, folder)
    except OSError as exc:
        return Taken(given, why="disk", detail=exc.strerror or str(exc))


def _keep(given: str, name: str, data: bytes, folder: Path) -> Taken:
    """Whole or not at all: written beside, then linked to the first name that is free."""
    stem, dot, suffix = name.rpartition(".")
    stem, suffix = (stem, dot + suffix) if stem else (name, "")
    fresh = folder / f".{secrets.token_hex(8)}.part"
    try:
        fresh.write_bytes(data)
        for number in range(1, 1000):
            place = folder / (name if number == 1 else f"{stem}-{number}{suffix}")
            try:
                os.link(fresh, place)
            except FileExistsError:
                if place.is_file() and not place.is_symlink() and place.read_bytes() == data:
                    return Taken(given, place.name, same=True)
                continue
            return Taken(given, place.name)
    finally:
        fresh.unlink(missing_ok=True)
    return Taken(given, why="disk", detail=name)


def safe_name(given: str) -> str:
    """A name of letters, digits and harmless signs without a folder in it; "" when nothing is left. It is not hidden nor ignored."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", plain(given)))[-1]
    last = re.sub(r"\s+", " ", last).strip(" .~")
    kept = "".join(each if each.isalnum() or each in " ._-()+,&@" else "_" for each in last).strip(" ._-")
    stem, dot, suffix = kept.rpartition(".")
    if not dot:
        stem, suffix = kept, ""
    room = LONGEST - len((dot + suffix).encode())
    if room < 1:
        return ""
    short = stem.encode()[:room].decode("utf-8", "ignore").rstrip(" ." if dot else " ._-")
    return f"{short}{dot}{suffix}" if short else ""


def unfit(name: str, data: bytes) -> tuple[Why, str] | None:
    """Why a file of that name and content is not taken, or None."""
    import filetype  # type: ignore[import-untyped]

    suffix = name.rpartition(".")[2].lower() if "." in name else ""
    if suffix in BINARY_SUFFIXES or suffix == "doc":
        return "kind", ""
    if not data.strip():
        return "empty", ""
    found = filetype.guess(data[:HEAD])
    if suffix in KINDS:
        return None if found is not None and found.mime in KINDS[suffix] else ("content", found.mime if found else "text")
    if found is not None or (suffix not in PARSED and data.startswith(OTHER_KINDS)):
        return "content", found.mime if found else "binary"
    try:
        decode(data)
    except Unreadable:
        return "binary", ""
    return None


def listed(folder: Path) -> list[tuple[str, int]]:
    """(name, bytes) of the uploaded files, by name."""
    if not folder.is_dir():
        return []
    found = [each for each in os.scandir(folder) if each.is_file(follow_symlinks=False) and not each.name.startswith(".")]
    return sorted((each.name, each.stat().st_size) for each in found)


def remove(folder: Path, name: str) -> None:
    """Raises InputError for anything but the name of an uploaded file."""
    if name not in {known for known, _ in listed(folder)}:
        raise InputError(f"There is no uploaded file '{plain(name)}'.", "Somebody may have removed it since.")
    (folder / name).unlink(missing_ok=True)
