"""What this home says about the questions of the guide: documents in the index, pairs, GPU and memory of this machine."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from rag.errors import UserError

if TYPE_CHECKING:
    from rag.settings import Settings

TOKENS_A_CHUNK = 160
"""Of the shipped corpus, about: enough to tell a pamphlet from a library."""


@dataclass(frozen=True, slots=True)
class Here:
    """`gpus_gb`: memory of each GPU. `languages`: of the documents, the most frequent first."""

    documents: int = 0
    chunks: int = 0
    languages: tuple[str, ...] = ()
    pairs: int = 0
    cores: int = 1
    memory_gb: float = 0.0
    gpus_gb: tuple[float, ...] = ()

    @property
    def tokens(self) -> int:
        return self.chunks * TOKENS_A_CHUNK

    def answers(self) -> dict[str, str]:
        """The answers that can be read off; the others keep their defaults."""
        return {"documents": self._documents(), "examples": self._examples(), "machine": self._machine()}

    def _documents(self) -> str:
        if not self.documents:
            return "none"
        return "few" if self.tokens <= 20_000 else "many" if self.tokens < 5_000_000 else "masses"

    def _examples(self) -> str:
        return "none" if self.pairs < 50 else "some" if self.pairs < 300 else "hundreds" if self.pairs < 3000 else "thousands"

    def _machine(self) -> str:
        largest = max(self.gpus_gb, default=0.0)
        if len(self.gpus_gb) > 1 or largest > 60:
            return "cluster"
        return "cpu" if not largest else "gpu16" if largest < 20 else "gpu24"


def here(settings: Settings) -> Here:
    """Reads files and asks the machine: some milliseconds, more with a GPU's driver; not for the event loop."""
    import psutil

    documents, chunks, languages = _indexed(settings)
    return Here(
        documents, chunks, languages, _pairs(settings), settings.cpu_threads, psutil.virtual_memory().total / 1e9, _gpus()
    )  # fmt: skip


def _indexed(settings: Settings) -> tuple[int, int, tuple[str, ...]]:
    from rag.index import manifest, versions

    folder = versions.folder_of(settings)
    try:
        version = versions.live(folder)
        found = manifest.read(folder / version) if version else None
    except UserError:  # damaged: the Corpus page says so
        return 0, 0, ()
    if found is None:
        return 0, 0, ()
    by_size = sorted(found.languages, key=lambda language: -found.languages[language])
    return found.documents, found.chunks, tuple(by_size)


def _pairs(settings: Settings) -> int:
    """Lines of the training pairs; what is wrong with them is said where they are used."""
    total = 0
    for name in settings.train.qa:
        file = Path(name)
        if file.is_file():
            with file.open("rb") as stream:
                total += sum(1 for line in stream if line.strip())
    return total


@cache
def _gpus() -> tuple[float, ...]:
    """Memory of NVIDIA's GPUs in GB, asked of the driver: torch would take seconds to say the same."""
    if not shutil.which("nvidia-smi"):
        return ()
    words = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(words, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):  # a driver that does not answer is no GPU to train on
        return ()
    return tuple(float(line) * 1.048576 / 1000 for line in said.split("\n") if line.strip().isdecimal())
