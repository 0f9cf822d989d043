"""Votes to test with."""

from __future__ import annotations

from collections.abc import Sequence

from rag.types import Decoding, Message, Provenance, Timing
from ui.votes.record import Judged, Passage, Record

PASSAGE = Passage(1, "en/lora.md", "d1", 3, 40, "The update is scaled by alpha divided by the rank.", "LoRA")


def judged(arm: str, text: str = "It says so.", *, state: str = "done", thumb: int = 0, correction: str = "", adapter: str = "") -> Judged:
    made = Provenance(arm, "tiny", adapter or None, "ab" * 32 if adapter else None, "v1", "t" * 16, Decoding(0.7, 90, 0.9, 3, ("x",)),
                      300, 40, Timing(0.1, 0.2, 0.3))  # fmt: skip
    retrieves = arm.startswith("rag")
    return Judged(
        arm, adapter, state, text, made if state == "done" else None, (Message("user", "Before?"), Message("assistant", "Yes.")),
        (PASSAGE,) if retrieves else (), finish="stop", thumb=thumb, correction=correction,
    )  # fmt: skip


def cast(number: int, answers: Sequence[Judged], choice: str = "", question: str = "What scales the update?") -> Record:
    return Record(f"id{number}", 1000.0 + number, question, "en", True, number, "full", tuple(answers), choice)
