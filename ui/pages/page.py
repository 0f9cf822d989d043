"""What a page of the workbench is, and what every page works with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from ui.chat.text import Language

if TYPE_CHECKING:
    import gradio as gr

    from rag.assistant import Assistant
    from rag.settings import Settings
    from ui.jobs.jobs import Job, Jobs

Name = Literal["compare", "corpus", "adapters", "evaluate", "guide"]


@dataclass(frozen=True, slots=True)
class Desk:
    """What pages work with: the settings they show, the assistant that answers, and the long jobs of this home."""

    settings: Settings
    assistant: Assistant
    jobs: Jobs


class Shell(Protocol):
    """What surrounds the pages. There when they are wired, not yet when they are built."""

    blocks: gr.Blocks
    session: gr.State
    """A ui.chat.session.Session, one a browser tab; `session.language` is the language it reads."""
    open: gr.Textbox
    """See `OPEN`."""
    tabs: gr.Tabs
    """`gr.Tabs(selected=name)` as an update of it goes to that page."""
    pages: Mapping[Name, Page]
    """So that a page can fill another one in: take the other page's component as an output."""

    def opened(self, name: Name) -> Any:
        """The event `listen(fn, inputs, outputs, ...)` that fires when that page is shown, and when the language is switched on it."""
        ...


class Page(Protocol):
    """One page. `build` and `wire` are called once, in this order; nothing is loaded or started by either."""

    name: Name
    style: str
    """Its style sheet (CSS, nested under `body .gradio-container #page-<name>`); "" for none."""

    def title(self, language: Language) -> str:
        """What its tab says."""
        ...

    def build(self, language: Language) -> None:
        """Create the components, inside this page's `gr.Tab(elem_id="page-<name>")`, with the words of that language."""
        ...

    def wire(self, shell: Shell) -> None:
        """Connect the events."""
        ...

    def worded(self) -> Sequence[gr.components.Component]:
        """The components that have words of their own."""
        ...

    def speak(self, language: Language) -> Sequence[Any]:
        """Their updates in that language, in the order of `worded`. Values that a person typed or chose stay as they are."""
        ...


OPEN = "(...given) => [...given.slice(0, -1), document.querySelector('#pages [role=tab][aria-selected=true]')?.dataset.tabId ?? '']"
"""As `js` of an event whose last input is `Shell.open`: the name of the page that the browser shows. Events of tabs do not tell it: a busy
server hears of them out of order, and Gradio fires one for the first tab when labels change."""


def drawn_from(language: Language, chosen: str | None, states: str) -> str:
    """What a list and the sheet beside it hang on. Answers may be lost, or come out of order; a look at this finds it.

    `states`: see `states_of`, taken before anything is read, so that what changes meanwhile is found by the next look.
    """
    return f"{language} {chosen or ''} {states}"


def states_of(jobs: Iterable[Job]) -> str:
    return " ".join(f"{job.id}:{job.state}" for job in jobs)


BUSY_SECONDS, IDLE_SECONDS = 1.0, 5.0
"""Seconds between two looks at the jobs of a page."""


def look_again(busy: bool) -> gr.Timer:
    """When a page looks at its jobs again. It never stops looking: answers of a busy server may come out of order, and one that stopped
    the timer after a job was started would leave the page as it is."""
    import gradio as gr

    return gr.Timer(BUSY_SECONDS if busy else IDLE_SECONDS, active=True)
