"""A conversation to keep: as Markdown to read, as JSON with everything that made it. An unnamed turn stays unnamed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from ui.chat.controls_text import CONTROLS
from ui.chat.judging import record
from ui.chat.panes import bare
from ui.chat.text import Text
from ui.chat.turn import LETTERS, Pane, Turn
from ui.messages.translation import in_words
from ui.plain import one_line, plain
from ui.votes.record import Record, to_json
from ui.votes.text import VOTES

FORMAT = "atlas-conversation"


def file_name(turns: Sequence[Turn], ending: str) -> str:
    began = datetime.fromtimestamp(turns[0].at if turns else 0, tz=UTC).astimezone()
    return f"atlas-{began:%Y-%m-%d-%H%M}.{ending}"


def as_json(turns: Sequence[Turn], *, language: str, style: str) -> str:
    """{"format", "version", "turns": records as votes are kept, with "seconds" and "dropped" of each answer}."""
    rows = [_row(turn, record(turn, language=language, style=style)) for turn in turns if not turn.busy]
    return json.dumps({"format": FORMAT, "version": 1, "turns": rows}, ensure_ascii=False, indent=1)


def as_markdown(turns: Sequence[Turn], text: Text) -> str:
    """Questions as headings; what models and documents wrote stands in quotes and cannot become a heading or a link."""
    words = CONTROLS[text.code]
    parts = [f"# Atlas: {words.conversation}"]
    for turn in turns:
        if not turn.busy:
            parts += [f"## {words.question}: {_inline(turn.question)}", *_answers(turn, text)]
            parts += [f"*{words.unnamed}*"] if turn.hidden else []
    return "\n\n".join(parts) + "\n"


def _answers(turn: Turn, text: Text) -> list[str]:
    votes, parts = VOTES[text.code], []
    for letter, pane in zip(LETTERS, turn.panes, strict=False):
        name = votes.answer.format(letter) if turn.hidden else pane.variant.name(text)
        mark = f" ({votes.chosen})" if turn.vote == letter else ""
        parts.append(f"### {_inline(name)}{mark}")
        parts.append(_quoted(bare(pane.text) if turn.hidden else pane.text) if pane.text.strip() else f"*{_missing(pane, turn, text)}*")
        if not turn.hidden:
            parts += _made(pane, text)
        if pane.correction:
            parts += [f"{votes.corrected}:", _quoted(pane.correction)]
    return parts


def _missing(pane: Pane, turn: Turn, text: Text) -> str:
    if pane.state == "failed":
        return _inline(text.failed if turn.hidden or pane.problem is None else f"{text.failed}: {in_words(pane.problem, text.code)}")
    return text.stopped if pane.state == "stopped" else text.empty


def _made(pane: Pane, text: Text) -> list[str]:
    """The line of facts, and the sources."""
    parts = []
    if pane.answer is not None:
        made = pane.answer.provenance
        facts = [made.model, made.adapter or "", f"{made.answer_tokens} {text.tokens}" if made.answer_tokens else ""]
        facts.append(text.seconds.format(text.number(pane.total)))
        parts.append(f"*{_inline(' · '.join(fact for fact in facts if fact))}*")
    if pane.context is not None and pane.context.sources:
        listed = [f"{source.number}. {_inline(source.path)}" for source in pane.context.sources]
        parts.append(f"{text.sources}:\n\n" + "\n".join(listed))
    return parts


def _quoted(words: str) -> str:
    return "\n".join(f"> {_harmless(line)}" for line in plain(words).strip().split("\n"))


def _inline(words: str) -> str:
    return _harmless(one_line(words))


def _harmless(line: str) -> str:
    """A Markdown viewer must not load or link anything that a model or a document wrote."""
    return line.replace("<", "&lt;").replace("![", "!\\[").replace("](", "]\\(")


def _row(turn: Turn, kept: Record) -> dict[str, Any]:
    row = to_json(kept)
    for pane, answer in zip(turn.panes, row["answers"], strict=True):
        if turn.hidden:
            hidden = {"text": bare(pane.text), "state": answer["state"], "thumb": pane.thumb, "correction": pane.correction}
            answer.clear()
            answer.update(hidden)
            continue
        answer["seconds"] = {"first_token": round(pane.first_token, 3), "total": round(pane.total, 3)}
        dropped = pane.context.dropped if pane.context else ()
        answer["dropped"] = [{"path": hit.chunk.path, "start": hit.chunk.start, "end": hit.chunk.end, "why": why} for hit, why in dropped]
        answer["evidence"] = asdict(pane.context.evidence) if pane.context else None
    if turn.hidden:
        row["seed"] = None
    return row
