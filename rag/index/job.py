"""One build under way: what it works on, and how long each stage took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rag.embed.embedder import Embedder
from rag.progress import Progress
from rag.settings import Settings


@dataclass(slots=True)
class Job:
    """`folder`: the index; `root`: where the documents are, in words; `seconds`: stage -> duration so far."""

    settings: Settings
    folder: Path
    root: str
    embedder: Embedder
    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - start, 3)
