"""Opening the workbench for given settings: the assistant, the jobs and the pages put together, and served."""

from __future__ import annotations

from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rag.errors import SettingsError
from rag.types import Document
from ui.chat.serve import Serving, serve
from ui.chat.status import Ready, Status, look

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.assistant import Assistant
    from rag.settings import Settings
    from ui.jobs.jobs import Jobs
    from ui.pages.page import Desk, Page

MOST_PANES = 4


class Opened(Serving):
    """A workbench being served; `stop` frees the port and ends its jobs."""

    jobs: Jobs

    def stop(self) -> None:
        super().stop()
        self.jobs.close()


def open_page(settings: Settings, assistant: Assistant, ready: Ready | None = None) -> Opened:
    """Serve the workbench; returns at once, whether or not index and model are there. `ready`: what a question waits for.

    Raises SettingsError for panes that there are not, ServerError when no port is free.
    """
    check_panes(settings)

    from ui.guard.guard import guard_of
    from ui.jobs.jobs import Jobs
    from ui.pages.page import Desk
    from ui.shell import Workbench

    jobs = Jobs(settings)
    status = Status(ready or partial(look, settings, assistant))
    pages = every_page(Desk(settings, assistant, jobs), status)
    bench = Workbench(pages, status, model=assistant.generator.model, language=settings.ui.language, login=bool(settings.ui.users))
    routes = [route for page in pages for route in getattr(page, "routes", ())]
    served = serve(bench.build(), settings.ui.host, settings.ui.port, styles=bench.style, routes=routes, guard=guard_of(settings))
    opened = Opened(**{field.name: getattr(served, field.name) for field in fields(served)})
    opened.jobs = jobs
    return opened


def every_page(desk: Desk, ready: Status) -> Sequence[Page]:
    """The pages in the order of their tabs."""
    from ui.pages.adapters.page import AdaptersPage
    from ui.pages.corpus.page import CorpusPage
    from ui.pages.evaluate.page import EvaluatePage
    from ui.pages.guide.page import GuidePage

    return [compare_page(desk, ready), CorpusPage(desk), AdaptersPage(desk), EvaluatePage(desk), GuidePage(desk)]


def compare_page(desk: Desk, ready: Status) -> Page:
    """The home: questions answered side by side."""
    from ui.chat.examples import examples
    from ui.chat.line import Line, seats
    from ui.chat.page import ComparePage
    from ui.chat.session import Backend
    from ui.chat.styled import styled

    assistant, settings = desk.assistant, desk.settings

    def document(document_id: str) -> Document:
        return assistant.retriever.live.current().document(document_id)

    backend = Backend(
        assistant,
        ready,
        document,
        adapters=lambda: list(assistant.routes.loaded()),
        styled=partial(styled, assistant),
        line=Line(seats(settings)),
    )
    return ComparePage(desk, backend, examples([Path(name) for name in settings.qa]))


def check_panes(settings: Settings) -> None:
    """Raises SettingsError: no pane, too many, the same one twice, or one that does not exist."""
    from rag.assistant import ARMS

    arms = settings.ui.arms
    problems = [f"ui.arms: there is no arm '{arm}'. Choose from: {', '.join(ARMS)}." for arm in arms if arm not in ARMS]
    if not 1 <= len(arms) <= MOST_PANES or len(set(arms)) < len(arms):
        problems.append(f"ui.arms: 1 to {MOST_PANES} different arms are wanted, not {list(arms)}.")
    if problems:
        raise SettingsError(problems)
