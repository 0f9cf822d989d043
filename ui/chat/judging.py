"""What a reader thinks of the answers of a turn: votes, thumbs, corrections; and the turn as it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from ui.chat.session import Session
from ui.chat.turn import Pane, Turn
from ui.votes.record import Judged, Passage, Record

LONGEST_CORRECTION = 4000
Item = TypeVar("Item")


class TooLong(ValueError):
    """A correction that nobody typed for one answer."""


def judge(session: Session, said: Mapping[str, Any]) -> Turn | None:
    """Do what the browser says: {do: vote, turn, choice}, {do: up | down | correct, turn, pane, text}. None: there is nothing like that.

    What comes from a browser is not trusted: numbers are checked, a vote on what is revealed already counts no more.
    Raises TooLong.
    """
    turn = _at(session.turns, said.get("turn"))
    if turn is None or turn.busy:
        return None
    if said.get("do") == "vote":
        if not turn.hidden or said.get("choice") not in turn.votes:
            return None
        turn.vote = str(said["choice"])
        return turn
    pane = _at(turn.panes, said.get("pane"))
    if pane is None or not pane.text:
        return None
    match said.get("do"):
        case "up" | "down" as which:
            thumb = 1 if which == "up" else -1
            pane.thumb = 0 if pane.thumb == thumb else thumb
        case "correct":
            words = str(said.get("text") or "").strip()
            if len(words) > LONGEST_CORRECTION:
                raise TooLong(str(LONGEST_CORRECTION))
            pane.correction = words
        case _:
            return None
    return turn


def _at(items: list[Item], number: Any) -> Item | None:
    text = str(number)
    return items[int(text)] if text.isascii() and text.isdecimal() and int(text) < len(items) else None


def record(turn: Turn, *, language: str, style: str) -> Record:
    """The turn as it is kept. `style`: of the settings, where the turn has none of its own."""
    answers = tuple(_judged(pane) for pane in turn.panes)
    return Record(turn.id, turn.at, turn.question, language, turn.how.blind, turn.seed, turn.how.style or style, answers, turn.vote)


def _judged(pane: Pane) -> Judged:
    answer, context = pane.answer, pane.context
    passages = tuple(
        Passage(each.number, each.path, each.document_id, each.start, each.end, each.text, each.header)
        for each in (context.sources if context else ())
    )
    return Judged(
        pane.arm,
        pane.adapter,
        pane.state,
        pane.text,
        answer.provenance if answer else None,
        pane.history,
        passages,
        refused=answer is not None and answer.refused,
        abstained=answer is not None and answer.abstained,
        finish=answer.finish if answer else "",
        problem=str(pane.problem or ""),
        thumb=pane.thumb,
        correction=pane.correction,
    )
