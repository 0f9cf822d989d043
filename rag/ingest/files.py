"""Which files of a folder are read: a walk in a stable order, ignore patterns, and reading without ever hanging."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag.errors import InputError

IGNORE_FILE = ".atlasignore"
DEFAULT_IGNORES = (".*", "__pycache__/", "node_modules/", "*.egg-info/", "~$*", "*~", "Thumbs.db")
BINARY_KINDS = {
    "pictures": "bmp gif heic ico jpeg jpg png psd tif tiff webp",
    "sound and film": "avi flac m4a mkv mov mp3 mp4 mpeg ogg wav webm",
    "archives": "7z bz2 gz iso jar lz4 rar tar tgz war whl xz zip zst",
    "programs": "a bin class dll dylib exe lib mo o obj pdb pyc pyd pyo so wasm",
    "data": "ckpt db faiss feather gguf h5 npy npz onnx parquet pickle pkl pt pth safetensors sqlite sqlite3",
    "fonts": "eot otf ttf woff woff2",
}
BINARY_SUFFIXES = frozenset(suffix for suffixes in BINARY_KINDS.values() for suffix in suffixes.split())
"""Files that hold no text to index: left out without a word, like ignored ones (they are counted)."""


class Unreadable(InputError):
    """One file that cannot be used; `what` is the line for the report. The others go on."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that was skipped and why, in one line. `path` is relative to the corpus folder."""

    path: str
    what: str


@dataclass(frozen=True, slots=True)
class Walk:
    """Relative paths with forward slashes, in order; `ignored` counts files and folders (a folder counts once)."""

    paths: tuple[str, ...]
    problems: tuple[Problem, ...]
    ignored: int


@dataclass(frozen=True, slots=True)
class _Ignore:
    """The patterns of one .atlasignore (or of the settings), which hold below the folder `below`."""

    below: str
    spec: Any

    def says(self, path: str) -> bool | None:
        """True: ignore; False: keep ("!pattern"); None: no pattern speaks of it."""
        include: bool | None = self.spec.check_file(path[len(self.below) :]).include
        return include


def walk(root: Path, ignore: Sequence[str] = ()) -> Walk:
    """All files below `root` that are not ignored, sorted folder by folder.

    Patterns are those of .gitignore: first the defaults, then `ignore`, then the .atlasignore files from the top down;
    the last one that speaks wins. Links that leave the folder are not followed, and folders that are links to other
    places of the same folder are not read twice. Raises InputError when root is not a folder.
    """
    if not root.is_dir():
        what = "is a file, not a folder" if root.exists() else "does not exist"
        raise InputError(f"The folder of documents '{root}' {what}.", "Set `corpus` to a folder.")
    paths: list[str] = []
    problems: list[Problem] = []
    ignored = 0
    rules = [_Ignore("", _spec([*DEFAULT_IGNORES, *ignore]))]
    stack: list[tuple[str, list[_Ignore]]] = [("", rules)]
    home = root.resolve()
    while stack:
        below, rules = stack.pop()
        try:
            rules = [*rules, *_ignore_file(root, below)]
            entries = sorted(os.scandir(root / below), key=lambda entry: entry.name, reverse=True)
        except OSError as exc:
            problems.append(Problem(printable(below.rstrip("/")) or ".", f"folder cannot be read: {exc.strerror or exc}"))
            continue
        for entry in entries:
            path = below + entry.name
            folder = entry.is_dir(follow_symlinks=False)
            if _ignored(path + "/" if folder else path, rules) or (not folder and _binary(entry.name)):
                ignored += 1
            elif problem := _unusable(entry, home):
                problems.append(Problem(printable(path), problem))
            elif folder:
                stack.append((path + "/", rules))
            elif not entry.is_dir():
                paths.append(path)
    return Walk(tuple(sorted(paths, key=lambda path: path.split("/"))), tuple(problems), ignored)


def read_bytes(file: Path, max_mb: float) -> bytes:
    """The content of a regular file of at most `max_mb` MiB. Raises Unreadable; a FIFO or device never blocks it."""
    limit = int(max_mb * 2**20)
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as exc:
        raise Unreadable(f"cannot be read: {exc.strerror or exc}") from exc
    info = os.fstat(handle)
    if not stat.S_ISREG(info.st_mode):
        os.close(handle)
        raise Unreadable("not a regular file")
    with os.fdopen(handle, "rb") as stream:
        try:
            data = stream.read(limit + 1) if info.st_size <= limit else b""
        except OSError as exc:
            raise Unreadable(f"cannot be read: {exc.strerror or exc}") from exc
    if info.st_size > limit or len(data) > limit:
        size = max(info.st_size, len(data)) / 2**20
        raise Unreadable(f"too large: {size:.0f} MB (ingest.max_file_mb is {max_mb:g})")
    if not data:
        raise Unreadable("empty file")
    return data


def printable(path: str) -> str:
    """A path as text that can be stored and shown: bytes of the name that are not UTF-8 become question marks."""
    return path.encode("utf-8", "replace").decode("utf-8")


def _unusable(entry: os.DirEntry[str], home: Path) -> str | None:
    """Why an entry cannot be read, or None."""
    if printable(entry.name) != entry.name:
        return "its name is not valid UTF-8; rename it"
    if entry.is_symlink():
        try:
            target = Path(entry.path).resolve(strict=True)
        except (OSError, RuntimeError):
            return "link to a file that does not exist"
        if not target.is_relative_to(home):
            return "link that leaves the folder; not followed"
    if not entry.is_dir() and not entry.is_file():
        return "not a regular file"
    return None


def _binary(name: str) -> bool:
    return name.rpartition(".")[2].lower() in BINARY_SUFFIXES


def _ignored(path: str, rules: Sequence[_Ignore]) -> bool:
    return next((said for rule in reversed(rules) if (said := rule.says(path)) is not None), False)


def _ignore_file(root: Path, below: str) -> Iterator[_Ignore]:
    file = root / below / IGNORE_FILE
    if file.is_file():
        yield _Ignore(below, _spec(file.read_text(encoding="utf-8-sig", errors="replace").splitlines()))


def _spec(lines: Sequence[str]) -> Any:
    from pathspec import GitIgnoreSpec

    try:
        return GitIgnoreSpec.from_lines(lines)
    except ValueError as exc:
        raise InputError(f"An ignore pattern cannot be read: {exc}", f"Look at `ingest.ignore` and at the {IGNORE_FILE} files.") from exc
