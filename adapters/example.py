"""One training example: the messages exactly as they are served, and what the model should say to them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from rag.errors import InputError
from rag.types import Message

Kind = Literal["gold", "absent", "unanswerable", "closed-book", "text"]
"""gold: the passages hold the answer; absent: they should but do not, the target is the refusal; unanswerable: the corpus does
not hold it, the target is the refusal; closed-book: no passages; text: raw corpus text, every token is a target."""


@dataclass(frozen=True, slots=True)
class Example:
    """`messages` is empty for raw text. `documents` are those it must not share with validation or test questions."""

    id: str
    messages: tuple[Message, ...]
    target: str
    kind: Kind
    language: str = "und"
    pair: str = ""
    documents: tuple[str, ...] = ()


def write_examples(examples: Sequence[Example], path: Path) -> None:
    """One JSON object a line, replaced atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.unfinished")
    beside.write_text("".join(json.dumps(asdict(example), ensure_ascii=False) + "\n" for example in examples), encoding="utf-8")
    beside.replace(path)


def read_examples(path: Path) -> list[Example]:
    """What `write_examples` wrote. Raises InputError naming the line that cannot be used."""
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        if not line:
            continue
        try:
            row = json.loads(line)
            messages = tuple(Message(**message) for message in row.pop("messages"))
            found.append(Example(messages=messages, documents=tuple(row.pop("documents")), **row))
        except (ValueError, TypeError, KeyError) as exc:
            raise InputError(f"{path}:{number}: not a training example ({exc}).", "Make the data again: atlas train --fresh") from exc
    return found
