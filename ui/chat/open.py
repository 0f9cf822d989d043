"""Opening the page for given settings: the assistant, the examples and the panes put together, and served."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rag.errors import SettingsError
from rag.types import Document
from ui.chat.status import Ready, look

if TYPE_CHECKING:
    from rag.assistant import Assistant
    from rag.settings import Settings
    from ui.chat.serve import Serving

MOST_PANES = 4


def open_page(settings: Settings, assistant: Assistant, ready: Ready | None = None) -> Serving:
    """Serve the page; returns at once, whether or not index and model are there. `ready`: what a question waits for.

    Raises SettingsError for panes that there are not, ServerError when no port is free.
    """
    check_panes(settings)

    from ui.chat.examples import examples
    from ui.chat.page import Page
    from ui.chat.serve import serve
    from ui.chat.session import Backend

    def document(document_id: str) -> Document:
        return assistant.retriever.live.current().document(document_id)

    page = Page(
        Backend(assistant, ready or partial(look, settings, assistant), document, lambda: bool(assistant.routes.loaded())),
        settings.ui.arms,
        model=assistant.generator.model,
        language=settings.ui.language,
        examples=examples([Path(name) for name in settings.qa]),
    )
    return serve(page.build(), settings.ui.host, settings.ui.port)


def check_panes(settings: Settings) -> None:
    """Raises SettingsError: no pane, too many, the same one twice, or one that does not exist."""
    from rag.assistant import ARMS

    arms = settings.ui.arms
    problems = [f"ui.arms: there is no arm '{arm}'. Choose from: {', '.join(ARMS)}." for arm in arms if arm not in ARMS]
    if not 1 <= len(arms) <= MOST_PANES or len(set(arms)) < len(arms):
        problems.append(f"ui.arms: 1 to {MOST_PANES} different arms are wanted, not {list(arms)}.")
    if problems:
        raise SettingsError(problems)
