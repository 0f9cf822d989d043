"""The versions of one index on disk: which is live, who may build, who has one open, and what to throw away.

<home>/indexes/<name>/current              names the live version; replaced by one rename
<home>/indexes/<name>/<version>/           complete and never changed again; `in-use` is locked (shared) by every reader
<home>/indexes/<name>/.build-<version>/    being built; whoever holds `lock` may throw it away
<home>/indexes/<name>/.trash-<version>/    being removed
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from rag.errors import IndexError_
from rag.index import collection, manifest
from rag.index.manifest import Manifest
from rag.index.store import STORES
from rag.progress import Progress, silent
from rag.settings import Settings

CURRENT, LOCK, IN_USE = "current", "lock", "in-use"
BUILDING, TRASH = ".build-", ".trash-"
VECTORS, LEXICAL, CORPUS = "vectors", "lexical", "corpus.db"
"""What a version's folder holds, beside its manifest."""


def folder_of(settings: Settings) -> Path:
    """Where the index that the settings name lives; it may not exist yet."""
    return settings.home / "indexes" / settings.index.name


def missing(folder: Path) -> IndexError_:
    return IndexError_(f"There is no index '{folder.name}' in {folder.parent}.", "Build it: `atlas index build`.")


def current(folder: Path) -> str:
    """The name of the live version. Raises IndexError_ when there is none."""
    try:
        name = (folder / CURRENT).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise missing(folder) from None
    if not name or "/" in name or name.startswith("."):
        raise IndexError_(f"{folder / CURRENT} is damaged ({name!r}).", "Write a version's name into it, or build again.")
    return name


def live(folder: Path) -> str:
    """Like `current`, but "" when nothing was ever built."""
    return current(folder) if (folder / CURRENT).is_file() else ""


def names(folder: Path) -> list[str]:
    """Complete versions, oldest first (their names are the times they were built at)."""
    if not folder.is_dir():
        return []
    return sorted(file.parent.name for file in folder.glob(f"*/{manifest.FILE}") if not file.parent.name.startswith("."))


def point(folder: Path, version: str) -> None:
    """Make a version the live one, atomically and for good."""
    fresh = folder / f".{CURRENT}-{os.getpid()}"
    with fresh.open("w", encoding="utf-8") as file:
        file.write(version + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, folder / CURRENT)
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Every file and folder below is on the disk when this returns."""
    for root, _, files in os.walk(folder):
        for name in files:
            sync_folder(Path(root) / name)
        sync_folder(Path(root))


@contextmanager
def building(folder: Path, *, wait: bool, progress: Progress = silent) -> Iterator[None]:
    """Hold the index for building, rolling back or deleting. Freed by the kernel when the process dies.

    Raises IndexError_ naming the holder when somebody else has it and `wait` is False.
    """
    with _open_lock(folder) as file:
        while not _try_lock(file, fcntl.LOCK_EX):
            file.seek(0)
            holder = file.read().strip() or "unknown"
            if not wait:
                raise IndexError_(f"Index '{folder.name}' is being built by another process (pid {holder}).", "Try again later.")
            progress(f"waiting for the build of pid {holder}", 0, 0)
            time.sleep(0.1)
        if not (folder / LOCK).exists():  # whoever we waited for deleted the whole index
            raise missing(folder)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _open_lock(folder: Path) -> IO[str]:
    folder.mkdir(parents=True, exist_ok=True)
    return (folder / LOCK).open("a+", encoding="utf-8")


def new_name(folder: Path) -> str:
    """A name later than all others; call it while holding `building`."""
    while True:
        name = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")[:-3]
        if name > max([*names(folder), ""]):
            return name
        time.sleep(0.001)


class InUse:
    """A reader's hold on a version: as long as it is there, nobody removes the folder, in any process."""

    def __init__(self, folder: Path) -> None:
        """Raises FileNotFoundError when the version is gone or going."""
        self._file = (folder / IN_USE).open("rb")
        held = _try_lock(self._file, fcntl.LOCK_SH)
        if not held or not (folder / IN_USE).exists():
            self._file.close()
            raise FileNotFoundError(folder)

    def close(self) -> None:
        self._file.close()


def rollback(settings: Settings, version: str = "") -> Manifest:
    """Make an older version live: the named one, or the one before the live one. Returns its manifest."""
    folder = folder_of(settings)
    with building(folder, wait=False):
        now = current(folder)
        older = [name for name in names(folder) if name < now]
        if not version and not older:
            raise IndexError_(f"Index '{folder.name}' has no version older than {now}.", "`atlas index list` shows what there is.")
        target = version or older[-1]
        if target not in names(folder):
            raise _unknown(folder, target)
        described = manifest.read(folder / target)
        manifest.check_files(folder / target, described)
        point(folder, target)
        return described


def delete(settings: Settings, version: str = "") -> list[str]:
    """Remove one version, or the whole index with its embeddings when none is named. Returns what was removed.

    Raises IndexError_ for the live version, and for one that a process has open.
    """
    folder = folder_of(settings)
    if not folder.is_dir():
        raise missing(folder)
    with building(folder, wait=False):
        if version and version not in names(folder):
            raise _unknown(folder, version)
        if version and version == live(folder):
            raise IndexError_(f"Version {version} is the live one.", "Roll back first, or delete the whole index.")
        doomed = [version] if version else names(folder)
        busy = [name for name in doomed if not _remove(folder, name, settings)]
        if busy:
            what = f"Version {', '.join(busy)} of '{folder.name}' is open in a running process."
            raise IndexError_(what, "Stop it (`atlas ui`, `atlas serve`) and try again.")
        if not version:
            clean(folder, settings)
            shutil.rmtree(folder)
        return doomed


def prune(folder: Path, settings: Settings) -> list[str]:
    """Remove the oldest versions beyond `index.keep`, never the live one nor one that is open. Returns why some stayed."""
    now = live(folder)
    others = [name for name in names(folder) if name != now]
    notes = []
    for name in others[: max(0, len(others) + 1 - settings.index.keep)]:
        try:
            if not _remove(folder, name, settings):
                notes.append(f"version {name} is still open in a running process; a later build removes it")
        except IndexError_ as exc:
            notes.append(f"version {name} could not be removed: {exc}")
    return notes


def clean(folder: Path, settings: Settings) -> list[str]:
    """Remove what dead builds and removals left; call it while holding `building`. Returns why something stayed."""
    notes = []
    for entry in sorted(folder.glob(".*")):
        if entry.name.startswith((BUILDING, TRASH)):
            try:
                discard(entry, settings)
            except IndexError_ as exc:
                notes.append(f"{entry.name} could not be removed: {exc}")
        elif entry.name.startswith(f".{CURRENT}-"):
            entry.unlink(missing_ok=True)
    return notes


def _remove(folder: Path, version: str, settings: Settings) -> bool:
    """False when a process has it open."""
    target = folder / version
    if not (target / IN_USE).is_file():
        discard(target, settings)
        return True
    with (target / IN_USE).open("rb") as file:
        if not _try_lock(file, fcntl.LOCK_EX):
            return False
        doomed = folder / f"{TRASH}{version}"
        os.rename(target, doomed)
        discard(doomed, settings)
        return True


def discard(folder: Path, settings: Settings) -> None:
    """Remove a version's or a build's folder, and first its collection on a server, if it has one."""
    vectors = folder / VECTORS
    if collection.exists(vectors) and collection.recorded(vectors).url:
        described = manifest.read(folder).store if (folder / manifest.FILE).is_file() else {}
        name = str(described.get("name", settings.index.store))
        STORES.load(name).delete(vectors, settings.index)
    shutil.rmtree(folder)


def _try_lock(file: IO[bytes] | IO[str], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _unknown(folder: Path, version: str) -> IndexError_:
    return IndexError_(f"Index '{folder.name}' has no version {version}.", f"There are: {', '.join(names(folder)) or 'none'}.")
