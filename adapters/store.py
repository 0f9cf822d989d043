"""Where adapters lie: <home>/adapters/<name>/, and the ones that ship with Atlas in adapters/shipped/<name>/ (read-only)."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rag.errors import InputError
from rag.models import manifest

SHIPPED = Path(__file__).with_name("shipped")
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
CONFIG = "adapter_config.json"
CARD = "card.json"
WEIGHTS = ".safetensors"
CARRIED = (WEIGHTS, ".json", ".md", ".txt", ".toml", ".jinja")
"""Kinds of files that an import takes along; anything else, above all pickles, stays outside."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An adapter on disk. `sha256`: of its weights, read from the file itself."""

    name: str
    folder: Path
    shipped: bool = False

    @property
    def sha256(self) -> str:
        return weights_sha256(self.folder)

    @property
    def megabytes(self) -> float:
        return sum(path.stat().st_size for path in self.folder.iterdir() if path.is_file()) / 1e6


def names(home: Path) -> list[str]:
    """Every adapter that can be found by its name."""
    return sorted({path.name for root in (home / "adapters", SHIPPED) for path in _folders(root)})


def find(name: str, home: Path) -> Stored:
    """The adapter of that name; one of the home goes before a shipped one. Raises InputError naming those that are there."""
    check_name(name)
    for root in (home / "adapters", SHIPPED):
        folder = root / name
        if folder in _folders(root):
            return Stored(name, folder, shipped=root == SHIPPED)
    known = names(home)
    there = f"There are: {', '.join(known)}." if known else "There is none yet: atlas train makes one."
    raise InputError(f"There is no adapter '{name}'.", there)


def check_name(name: str) -> str:
    """The name. Raises InputError when it could not be a folder of ours and a name that a server knows."""
    if not NAME.fullmatch(name):
        raise InputError(
            f"'{name}' cannot be an adapter's name.", "Use at most 64 of a-z, 0-9, dot, dash and underscore, a letter or digit first."
        )
    return name


def weights_sha256(folder: Path) -> str:
    """Hex digest of the weights file; of several, over their names and digests. Raises InputError when there are none."""
    files = sorted(path for path in folder.iterdir() if path.suffix == WEIGHTS and not path.name.startswith("."))
    if not files:
        raise InputError(f"{folder} holds no weights (*{WEIGHTS}).", "Train the adapter again, or import it again.")
    if len(files) == 1:
        return manifest.sha256(files[0])
    parts = [f"{path.name}:{manifest.sha256(path)}" for path in files]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@contextmanager
def written(name: str, home: Path) -> Iterator[Path]:
    """An empty folder to save an adapter into; when the block ends well it becomes <home>/adapters/<name> in one step."""
    root = home / "adapters"
    target = root / check_name(name)
    root.mkdir(parents=True, exist_ok=True)
    beside = root / f".{name}.{os.getpid()}.{secrets.token_hex(4)}"
    beside.mkdir()
    try:
        yield beside
        weights_sha256(beside)
        _swap(beside, target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def delete(name: str, home: Path) -> None:
    """Remove it from the home. Raises InputError for an unknown one, and for a shipped one."""
    stored = find(name, home)
    if stored.shipped:
        raise InputError(f"The adapter '{name}' ships with Atlas and cannot be deleted.", "Unload it if it should not answer.")
    gone = stored.folder.with_name(f".{name}.{os.getpid()}.{secrets.token_hex(4)}")
    stored.folder.rename(gone)
    shutil.rmtree(gone)


def export(name: str, home: Path, to: Path) -> Path:
    """A plain copy of the adapter's folder at `to`, or in it when it is a folder that exists. Returns where it is."""
    stored = find(name, home)
    target = to / name if to.is_dir() else to
    if target.exists():
        raise InputError(f"{target} exists already.", "Name a folder that does not.")
    target.parent.mkdir(parents=True, exist_ok=True)
    copy(stored.folder, target)
    return target


def bring(folder: Path, home: Path, *, name: str = "") -> Stored:
    """Copy an exported folder into the home, as `name` (default: the folder's). The card is the caller's to check.

    Raises InputError: not an adapter, or the name is taken.
    """
    missing = [file for file in (CONFIG, CARD) if not (folder / file).is_file()]
    if missing:
        raise InputError(f"{folder} is not an adapter: {' and '.join(missing)} missing.", "Name one that `atlas adapters export` made.")
    name = check_name(name or folder.resolve().name)
    if (home / "adapters" / name).exists():
        raise InputError(f"An adapter '{name}' is there already.", "Give the new one another name: --name NAME")
    with written(name, home) as place:
        _carry(folder, place)
    return Stored(name, home / "adapters" / name)


def copy(folder: Path, target: Path) -> None:
    """The adapter's files in a new folder `target`, all of them or none."""
    beside = target.with_name(f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}")
    beside.mkdir(parents=True)
    try:
        _carry(folder, beside)
        beside.rename(target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _carry(folder: Path, place: Path) -> None:
    for path in sorted(folder.iterdir()):
        if path.is_file() and not path.is_symlink() and path.suffix in CARRIED and not path.name.startswith("."):
            shutil.copyfile(path, place / path.name)


def _folders(root: Path) -> list[Path]:
    """Folders directly in `root` that hold an adapter; a link that leads elsewhere does not count."""
    if not root.is_dir():
        return []
    return [path for path in root.iterdir() if NAME.fullmatch(path.name) and not path.is_symlink() and (path / CONFIG).is_file()]


def _swap(beside: Path, target: Path) -> None:
    """Put `beside` in the place of `target`; readers see the old folder or the new one, for an instant none."""
    old = target.with_name(f"{beside.name}.old")
    if target.exists():
        target.rename(old)
    beside.rename(target)
    shutil.rmtree(old, ignore_errors=True)
