"""Question-answer pairs from JSONL files: checked row by row, every bad line named at once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag.errors import InputError
from rag.types import Message, Role

SHOWN = 20
"""Bad lines listed in one message; the rest are counted."""
ROLES: Mapping[str, Role] = {"user": "user", "human": "user", "agent": "assistant", "assistant": "assistant", "system": "system"}


@dataclass(frozen=True, slots=True)
class Pair:
    """One question and what counts as a right answer.

    `answers` are alternatives, empty when the corpus does not hold the answer (`answerable` False). `docs` are the paths
    of all accepted files; `gold` holds (path, verbatim span) where the span is known. `history` are the earlier turns.
    """

    id: str
    question: str
    answers: tuple[str, ...] = ()
    docs: tuple[str, ...] = ()
    gold: tuple[tuple[str, str], ...] = ()
    answerable: bool = True
    language: str = "und"
    kind: str = ""
    history: tuple[Message, ...] = ()


def read_pairs(paths: Sequence[Path]) -> list[Pair]:
    """The pairs of all files, in order; a row that is there twice, word for word, counts once.

    Raises InputError naming every bad line (file:line: what), a file that cannot be read, or that there are no pairs.
    """
    problems: list[str] = []
    pairs: dict[str, Pair] = {}
    for path in paths:
        for number, pair in _read_file(path, problems):
            if pairs.setdefault(pair.id, pair) != pair:
                problems.append(f"{path}:{number}: the id {pair.id!r} belongs to another question already")
    if problems:
        more = f"\n... and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        raise InputError(
            f"{len(problems)} lines of QA pairs cannot be used:\n" + "\n".join(problems[:SHOWN]) + more, "Mend them and try again."
        )
    if not pairs:
        raise InputError(f"No QA pairs in {', '.join(map(str, paths)) or 'no file at all'}.", "Give a JSONL file with one question a line.")
    return list(pairs.values())


def _read_file(path: Path, problems: list[str]) -> list[tuple[int, Pair]]:
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")  # not splitlines(): JSON strings may hold U+2028
    except UnicodeDecodeError as exc:
        problems.append(f"{path}: not UTF-8 (byte {exc.start})")
        return []
    except OSError as exc:
        problems.append(f"{path}: {exc.strerror or exc}")
        return []
    found = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found.append((number, pair_of(json.loads(line), default_id=f"{path.name}:{number}")))
        except json.JSONDecodeError as exc:
            problems.append(f"{path}:{number}: not JSON ({exc.msg} at column {exc.colno})")
        except ValueError as exc:
            problems.append(f"{path}:{number}: {exc}")
    return found


def pair_of(row: Any, *, default_id: str) -> Pair:
    """The pair that a JSON object of the format says. Raises ValueError that lists everything wrong with the row."""
    if not isinstance(row, dict):
        raise ValueError(f"a JSON object is expected, not {type(row).__name__}")
    wrong: list[str] = []
    question = row.get("question")
    if not isinstance(question, str) or not question.strip():
        wrong.append("`question` must be a text that is not empty")
        question = ""
    answers = _texts(row, "answers", wrong)
    docs = _texts(row, "docs", wrong)
    if not docs and isinstance(row.get("doc"), str):
        docs = (row["doc"],)
    answerable = row.get("answerable", bool(answers))
    if not isinstance(answerable, bool):
        wrong.append(f"`answerable` must be true or false, not {answerable!r}")
    elif answerable != bool(answers):
        wrong.append("`answers` is empty but `answerable` is true" if answerable else "`answerable` is false but there are `answers`")
    gold, history = _gold(row, wrong), _history(row, wrong)
    if wrong:
        raise ValueError("; ".join(wrong))
    language = str(row.get("lang") or row.get("language") or "und")
    return Pair(str(row.get("id") or default_id), question, answers, docs, gold, answerable, language, str(row.get("kind") or ""), history)


def _texts(row: Mapping[str, Any], key: str, wrong: list[str]) -> tuple[str, ...]:
    value = row.get(key) or []
    if not isinstance(value, list) or not all(isinstance(text, str) and text.strip() for text in value):
        wrong.append(f"`{key}` must be a list of texts that are not empty")
        return ()
    return tuple(value)


def _gold(row: Mapping[str, Any], wrong: list[str]) -> tuple[tuple[str, str], ...]:
    value = row.get("gold") or []
    if isinstance(value, list) and all(
        isinstance(item, dict) and isinstance(item.get("doc"), str) and isinstance(item.get("span"), str) for item in value
    ):
        return tuple((item["doc"], item["span"]) for item in value)
    wrong.append('`gold` must be a list of {"doc": ..., "span": ...}')
    return ()


def _history(row: Mapping[str, Any], wrong: list[str]) -> tuple[Message, ...]:
    """Earlier turns; the words stand under `text` or `content`."""
    value = row.get("history") or []
    turns = []
    for turn in value if isinstance(value, list) else [value]:
        role = ROLES.get(str(turn.get("role", "")).lower()) if isinstance(turn, dict) else None
        words = (turn.get("text") or turn.get("content")) if isinstance(turn, dict) else None
        if role is None or not isinstance(words, str):
            wrong.append('`history` must be a list of {"role": "user" or "assistant", "text": ...}')
            return ()
        turns.append(Message(role, words))
    return tuple(turns)
