"""Votes of people on two answers to one question, as JSON lines: what a judge is measured against.

{"question": "...", "arm_a": "rag", "arm_b": "icl", "answer_a": "...", "answer_b": "...", "vote": "a"}
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from eval.judge import Winner
from eval.types import Case
from rag.errors import InputError
from rag.qa import SHOWN, Pair, pair_of
from rag.types import Message, content_id

Choice = Literal["a", "b", "tie", "bad"]
WINNER: Mapping[str, Winner] = {"a": "first", "b": "second", "tie": "tie", "bad": "tie"}
"""Both bad is a tie to a judge that is asked which is better."""
TEXTS = ("question", "arm_a", "arm_b", "answer_a", "answer_b")


@dataclass(frozen=True, slots=True)
class Vote:
    """`vote`: which answer was the better one; "bad": neither was any good. `history`: the turns before the question."""

    question: str
    arm_a: str
    arm_b: str
    answer_a: str
    answer_b: str
    vote: Choice
    history: tuple[Message, ...] = ()

    @property
    def winner(self) -> Winner:
        return WINNER[self.vote]


def read_votes(file: Path) -> tuple[Vote, ...]:
    """The votes of a file, in order; each counts, the same one twice as well. Raises InputError naming every line that is wrong."""
    try:
        lines = file.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as exc:
        raise InputError(f"The votes in {file} cannot be read ({exc}).", "Give a JSONL file in UTF-8, one vote a line.") from exc
    votes, problems = [], []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            votes.append(_vote(json.loads(line)))
        except ValueError as exc:
            problems.append(f"{file}:{number}: {exc}")
    if problems:
        more = f"\n... and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        raise InputError(f"{len(problems)} lines of votes cannot be used:\n" + "\n".join(problems[:SHOWN]) + more, "Mend them.")
    if not votes:
        raise InputError(f"There are no votes in {file}.", "One a line, with question, arm_a, arm_b, answer_a, answer_b and vote.")
    return tuple(votes)


def as_lines(votes: Sequence[Vote]) -> str:
    """What `read_votes` reads. Half characters (lone surrogates) cannot be written and become question marks."""
    text = "".join(json.dumps(asdict(vote), ensure_ascii=False) + "\n" for vote in votes)
    return text.encode("utf-8", "replace").decode("utf-8")


def to_judge(votes: Sequence[Vote], cases: Sequence[Case]) -> list[tuple[Case, str, str]]:
    """Each vote as a pair for `judge_pairs`, named by its number; a question of the run brings its accepted answers along."""
    known = {(" ".join(case.pair.question.split()), case.pair.history): case.pair for case in cases}
    pairs = []
    for number, vote in enumerate(votes):
        pair = known.get((" ".join(vote.question.split()), vote.history))
        answers, answerable = (pair.answers, pair.answerable) if pair else ((), True)
        case = Case(Pair(str(number), vote.question, answers, answerable=answerable, history=vote.history))
        pairs.append((case, vote.answer_a, vote.answer_b))
    return pairs


def questions_of(votes: Sequence[Vote]) -> dict[str, str]:
    """Number of a vote -> what its question is known by: votes on one question stand or fall together."""
    return {str(number): content_id(" ".join(vote.question.lower().split()), repr(vote.history)) for number, vote in enumerate(votes)}


def _vote(row: Any) -> Vote:
    """Raises ValueError that lists everything wrong with the row."""
    if not isinstance(row, dict):
        raise ValueError(f"a JSON object is expected, not {type(row).__name__}")
    wrong = [f"`{name}` must be a text" for name in TEXTS if not isinstance(row.get(name), str)]
    if not str(row.get("question", "")).strip():
        wrong.append("`question` is empty")
    if row.get("vote") not in get_args(Choice):
        wrong.append(f"`vote` must be one of {', '.join(get_args(Choice))}, not {row.get('vote')!r}")
    if wrong:
        raise ValueError("; ".join(wrong))
    history = pair_of({"question": row["question"], "answers": [], "history": row.get("history")}, default_id="").history
    return Vote(**{name: row[name] for name in TEXTS}, vote=row["vote"], history=history)
