"""Loading what the first question needs, behind an open page: search with its embedder, the examples, the generator's tokenizer."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from rag.errors import UserError
from ui.chat.status import Doing, look

if TYPE_CHECKING:
    from rag.assistant import Assistant
    from rag.progress import Tell
    from rag.settings import Settings

EVERY = 0.5
"""Seconds between two looks for an index that is not there yet."""


def warm(assistant: Assistant) -> None:
    """Ask for nothing in particular, so that everything is loaded. Raises UserError where a question would."""
    assistant.retriever.search("warm")
    assistant.examples.choose("warm", 1)
    assistant.generator.count_tokens("warm")


class Warming:
    """Warms once, as soon as there is an index. What goes wrong is told once; a question then meets the same error in its pane."""

    def __init__(self, settings: Settings, assistant: Assistant, *, tell: Tell) -> None:
        self._settings, self._assistant, self._tell = settings, assistant, tell
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="warming", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Do not wait for an index any longer."""
        self._over.set()

    def wait(self, seconds: float) -> bool:
        """Whether everything is loaded, or has failed, after at most so many seconds."""
        return self._over.wait(seconds)

    async def ready(self) -> Doing | None:
        """What a question waits for. An index or a server that is missing is named first: somebody has to act."""
        return await look(self._settings, self._assistant) or (None if self._over.is_set() else Doing("warming"))

    def _run(self) -> None:
        from rag.index import versions

        folder = versions.folder_of(self._settings)
        try:
            while not versions.live(folder):
                if self._over.wait(EVERY):
                    return
            began = time.perf_counter()
            warm(self._assistant)
            self._tell(f"Search and examples are loaded ({time.perf_counter() - began:.1f} s).")
        except UserError as exc:
            self._tell(str(exc))
        finally:
            self._over.set()
