"""`atlas-model.json` in a model's folder: where its files came from and the sha256 of each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rag.errors import ModelError
from rag.progress import Progress, silent
from rag.types import content_id

FILE = "atlas-model.json"
WEIGHTS = (".safetensors", ".bin", ".gguf")
BLOCK = 1 << 22


def sha256(path: Path, *, step: Callable[[int], None] = lambda size: None) -> str:
    """Hex digest of a file's content; `step` hears the size of each block read."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
            step(len(block))
    return digest.hexdigest()


def write(folder: Path, facts: Mapping[str, Any], *, progress: Progress = silent) -> None:
    """Hash every file below `folder` and write the manifest; the last step before the folder is moved into place."""
    files = {}
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != FILE]
    for done, path in enumerate(paths, 1):
        files[path.relative_to(folder).as_posix()] = {"bytes": path.stat().st_size, "sha256": sha256(path)}
        progress("hashing", done, len(paths))
    (folder / FILE).write_text(json.dumps({**facts, "files": files}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read(folder: Path) -> dict[str, Any]:
    """The manifest. Raises ModelError when it is missing or is not ours."""
    path = folder / FILE
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(facts["files"], dict) or not isinstance(facts["revision"], str):
            raise TypeError("files or revision has another type")
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise ModelError(f"{path} cannot be read ({exc}).", "Remove the folder and fetch the model again.") from exc
    return dict(facts)


def verify(folder: Path, *, progress: Progress = silent) -> list[str]:
    """Hash every file again. One line per file that is missing, or has another sha256 (both are named); empty = sound."""
    files = read(folder)["files"]
    total, done, problems = sum(row["bytes"] for row in files.values()) >> 20, 0, []

    def step(size: int) -> None:
        nonlocal done
        done += size
        progress(f"verifying {folder.name} (MB)", done >> 20, total)

    for name, row in files.items():
        path = folder / name
        if not path.is_file():
            problems.append(f"{path} is missing.")
        elif (found := sha256(path, step=step)) != row["sha256"]:
            problems.append(f"{path} has changed: sha256 {found}, recorded {row['sha256']}.")
    return problems


def content_revision(folder: Path, cache: Path) -> str:
    """Revision of a folder without a manifest: 16 hex digits over its weights and config, the same on every machine.

    Digests are remembered in the file `cache` by path, size and time of change, since weights can be many GB.
    """
    try:
        known = json.loads(cache.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # the cache is only a saving: without it the files are hashed
        known = {}
    parts, fresh = [], {}
    for path in sorted(path for path in folder.iterdir() if path.suffix in WEIGHTS or path.name == "config.json"):
        stat = path.stat()
        key = f"{path.resolve()}|{stat.st_size}|{stat.st_mtime_ns}"
        fresh[key] = known.get(key) or sha256(path)
        parts += [path.name, fresh[key]]
    if not fresh.keys() <= known.keys():
        cache.parent.mkdir(parents=True, exist_ok=True)
        cache.write_text(json.dumps(known | fresh, indent=1), encoding="utf-8")
    return content_id(*parts)
