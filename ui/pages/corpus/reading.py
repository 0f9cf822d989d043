"""The live index as this page reads it: opened once for all sessions, and again when another version is live."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rag.errors import IndexError_
from rag.index import versions

if TYPE_CHECKING:
    from rag.index.corpus_db import Listed
    from rag.index.opened import Index
    from rag.settings import Settings
    from ui.pages.corpus.plan import Plan


@dataclass(slots=True)
class Opened:
    """One version, with what was computed from it."""

    index: Index
    listed: Sequence[Listed]
    lengths: Sequence[int]
    plan: Plan | None = None
    _planning: threading.Lock = field(default_factory=threading.Lock)

    def planned(self) -> Plan:
        """The map; made at its first use, which takes about a second."""
        from ui.pages.corpus.plan import plan

        with self._planning:
            self.plan = self.plan or plan(self.index)
            return self.plan

    def matching(self, words: str) -> Sequence[Listed]:
        """The documents whose path or title has all these words in it."""
        wanted = words.casefold().split()
        return [each for each in self.listed if all(word in f"{each.path} {each.title}".casefold() for word in wanted)]


class Reading:
    """Thread-safe. Does not need the embedder, so that documents can be read before any model is loaded."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._opened: Opened | None = None

    def live(self) -> Opened | None:
        """None when nothing was built yet. Raises IndexError_ for an index that cannot be read."""
        from rag.index.opened import open_current

        folder = versions.folder_of(self._settings)
        with self._lock:
            name = versions.live(folder)
            if not name:
                self._opened = None
            elif self._opened is None or self._opened.index.version != name:
                index = open_current(folder, self._settings.index)
                self._opened = Opened(index, index.listing(), index.chunk_lengths())
            return self._opened

    def wanted(self) -> Opened:
        """Raises IndexError_ also when nothing was built yet."""
        found = self.live()
        if found is None:
            raise versions.missing(versions.folder_of(self._settings))
        return found


__all__ = ["IndexError_", "Opened", "Reading"]
