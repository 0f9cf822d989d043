"""Votes as data: preference pairs to train on, and questions with corrected answers to evaluate on. JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from rag.context.citations import refuses
from rag.context.prompt import Style, build_messages, prompt_language
from rag.types import Message, Source
from ui.votes.record import Judged, Record


def preferences(records: Sequence[Record]) -> str:
    """One line a pair: {"prompt": messages, "chosen": [message], "rejected": [message]}, TRL's conversational preference format.

    From votes (the better answer against each other one), from thumbs where there is no vote, and from corrections (chosen)
    against what was said. The prompt is the one that serving makes: with the passages where one of the two answers had them.
    """
    rows: dict[str, None] = {}  # the same pair twice is one
    for record in records:
        for chosen, rejected, by in _pairs(record):
            if chosen.strip() and chosen.strip() != rejected.text.strip():
                row = {"prompt": _prompt(record, rejected, by), "chosen": _said(chosen), "rejected": _said(rejected.text)}
                rows.setdefault(json.dumps(row, ensure_ascii=False))
    return _lines(rows)


def cases(records: Sequence[Record]) -> str:
    """One line a question that got a corrected answer, as `rag.qa` reads it; a correction that is a refusal makes it unanswerable."""
    rows: dict[str, None] = {}
    for record in records:
        corrected = [answer for answer in record.answers if answer.correction.strip()]
        answers = list(dict.fromkeys(answer.correction.strip() for answer in corrected if not refuses(answer.correction)))
        if corrected:
            row = {
                "id": f"vote-{record.id}", "question": record.question, "answers": answers, "answerable": bool(answers),
                "lang": prompt_language(record.question), "kind": "corrected",
                "history": [{"role": message.role, "text": message.content} for message in corrected[0].history],
            }  # fmt: skip
            rows.setdefault(json.dumps(row, ensure_ascii=False))
    return _lines(rows)


def _pairs(record: Record) -> Iterator[tuple[str, Judged, Judged]]:
    """Chosen words, the rejected answer, and the answer whose conversation the chosen words belong to."""
    done = [(letter, answer) for letter, answer in zip("ABCD", record.answers, strict=False) if answer.state == "done"]
    for answer in record.answers:
        if answer.correction.strip() and answer.text.strip():
            yield answer.correction.strip(), answer, answer
    better = [answer for letter, answer in done if letter == record.choice]
    worse = [answer for letter, answer in done if letter != record.choice]
    if not record.choice:
        better = [answer for _, answer in done if answer.thumb > 0]
        worse = [answer for _, answer in done if answer.thumb < 0]
    for good in better:
        for bad in worse:
            yield good.text, bad, good


def _prompt(record: Record, rejected: Judged, chosen: Judged) -> list[dict[str, str]]:
    passages = chosen.passages or rejected.passages
    sources = [Source(each.number, (), each.path, each.document_id, each.start, each.end, each.text, each.header) for each in passages]
    style: Style = "short" if record.style == "short" else "full"
    return [_row(message) for message in build_messages(record.question, style=style, sources=sources, history=chosen.history)]


def _said(words: str) -> list[dict[str, str]]:
    return [_row(Message("assistant", words))]


def _row(message: Message) -> dict[str, str]:
    return {"role": message.role, "content": message.content}


def _lines(rows: dict[str, Any]) -> str:
    return "".join(f"{row}\n" for row in rows)
