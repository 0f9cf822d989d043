"""A question and its answers in the panes, as a session keeps them."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from rag.context.prompt import Style
from rag.errors import UserError
from rag.types import Answer, Context, Decoding, Message
from ui.chat.line import Place
from ui.chat.sources import Passage
from ui.chat.status import Doing
from ui.chat.variant import Variant

LETTERS = "ABCD"
"""Names of unnamed panes, in the order in which they stand."""
TIE, BAD = "tie", "bad"


@dataclass(frozen=True, slots=True)
class How:
    """How a question is to be answered; None = as the settings say. `blind`: panes shuffled and unnamed until a vote."""

    decoding: Decoding | None = None
    style: Style | None = None
    blind: bool = False


@dataclass(slots=True)
class Pane:
    """One variant's answer to one question. Times are seconds since the question was sent; `sources` are kept as they were then.

    `history`: the earlier turns it was given. `thumb`: -1, 0 or 1; `correction`: what it should have said; both are the reader's.
    """

    arm: str
    state: Literal["waiting", "searching", "writing", "done", "stopped", "failed"] = "waiting"
    text: str = ""
    context: Context | None = None
    sources: Mapping[int, Passage] = field(default_factory=dict)
    answer: Answer | None = None
    problem: UserError | None = None
    first_token: float = 0.0
    total: float = 0.0
    adapter: str = ""
    history: tuple[Message, ...] = ()
    thumb: int = 0
    correction: str = ""

    @property
    def busy(self) -> bool:
        return self.state in ("waiting", "searching", "writing")

    @property
    def variant(self) -> Variant:
        return Variant(self.arm, self.adapter)


@dataclass(slots=True)
class Turn:
    """A question and its answers; it `waits` for this before it can be answered, or stands in `line`.

    `seed`: of the order of blind panes. `vote`: "" or a letter of `LETTERS`, `TIE` or `BAD`.
    """

    question: str
    panes: list[Pane]
    waits: Doing | None = None
    line: Place | None = None
    how: How = How()
    vote: str = ""
    began: float = field(default_factory=time.perf_counter)
    at: float = field(default_factory=time.time)
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    seed: int = field(default_factory=lambda: secrets.randbits(32))

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.began

    @property
    def busy(self) -> bool:
        return any(pane.busy for pane in self.panes)

    @property
    def hidden(self) -> bool:
        """Whether its panes are still unnamed: there is something to vote on, and no vote."""
        return self.how.blind and not self.vote and len(self.panes) > 1 and (self.busy or self.comparable)

    @property
    def comparable(self) -> bool:
        """A vote needs two answers; a failure or half an answer is none."""
        return sum(pane.state == "done" for pane in self.panes) > 1

    @property
    def votes(self) -> list[str]:
        """The votes that can be given."""
        letters = [letter for letter, pane in zip(LETTERS, self.panes, strict=False) if pane.state == "done"]
        return [*letters, TIE, BAD]
