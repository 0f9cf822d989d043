"""A judged turn as it is kept: the question, every answer with its whole provenance, the passages, the vote. JSON there and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rag.types import Decoding, Message, Provenance, Timing


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage that stood in the prompt; `document_id`, `start` and `end` find it in its document."""

    number: int
    path: str
    document_id: str
    start: int
    end: int
    text: str
    header: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """One answer, as it stood in its pane; `state`: done, stopped or failed (then `text` is what there was of it).

    `thumb`: -1, 0, 1; `correction`: what it should have said, "" for nothing. `provenance` is None for an answer that did not finish.
    """

    arm: str
    adapter: str
    state: str
    text: str
    provenance: Provenance | None
    history: tuple[Message, ...] = ()
    passages: tuple[Passage, ...] = ()
    refused: bool = False
    abstained: bool = False
    finish: str = ""
    problem: str = ""
    thumb: int = 0
    correction: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """What is compared: arm, adapter and model that answered."""
        made = self.provenance
        return self.arm, (made.adapter or "") if made else self.adapter, made.model if made else ""


@dataclass(frozen=True, slots=True)
class Record:
    """One question and its answers in the order in which they stood. `choice`: "", a letter of ABCD, "tie" or "bad"."""

    id: str
    at: float
    question: str
    language: str
    blind: bool
    seed: int
    style: str
    answers: tuple[Judged, ...]
    choice: str = ""


def to_json(record: Record) -> dict[str, Any]:
    return asdict(record)


def from_json(row: Mapping[str, Any]) -> Record:
    """Raises KeyError or TypeError when the row is not a record."""
    return Record(**{**row, "answers": tuple(_judged(each) for each in row["answers"])})


def _judged(row: Mapping[str, Any]) -> Judged:
    made = row["provenance"]
    return Judged(
        **{
            **row,
            "provenance": _provenance(made) if made else None,
            "history": tuple(Message(**each) for each in row["history"]),
            "passages": tuple(Passage(**each) for each in row["passages"]),
        }
    )


def _provenance(row: Mapping[str, Any]) -> Provenance:
    bias = tuple((int(token), float(value)) for token, value in row["decoding"].get("bias", ()))
    decoding = {**row["decoding"], "bias": bias, **{name: tuple(row["decoding"].get(name, ())) for name in ("stop", "forbidden")}}
    return Provenance(**{**row, "decoding": Decoding(**decoding), "timing": Timing(**row["timing"])})
