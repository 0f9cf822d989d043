"""The votes of the chat as an evaluation wants them: two answers to one question, and which was the better one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from eval.votes import Vote
    from ui.votes.record import Judged, Record


def votes_of(home: Path) -> tuple[Vote, ...]:
    """All that are kept in the home, oldest first. Raises UserError when they cannot be read."""
    from ui.votes.store import Votes

    return as_votes(Votes(home).all())


def as_votes(records: Sequence[Record]) -> tuple[Vote, ...]:
    """Of several answers the chosen one was better than each other, and of the others nothing is known; a tie or "both bad" holds
    for every two of them. Answers that did not finish are left out, thumbs and corrections are no votes."""
    return tuple(vote for record in records if record.choice for vote in _votes(record))


def _votes(record: Record) -> Iterator[Vote]:
    from eval.votes import Choice, Vote

    done = [(letter, answer) for letter, answer in zip("ABCD", record.answers, strict=False) if answer.state == "done"]
    for (letter, one), (other, two) in combinations(done, 2):
        if one.history != two.history:
            continue  # two conversations: they did not answer the same question
        vote: Choice | None = "a" if record.choice == letter else "b" if record.choice == other else None
        vote = "tie" if record.choice == "tie" else "bad" if record.choice == "bad" else vote
        if vote is not None:
            yield Vote(record.question, _name(one), _name(two), one.text, two.text, vote, one.history)


def _name(answer: Judged) -> str:
    return f"{answer.arm}:{answer.adapter}" if answer.adapter else answer.arm
