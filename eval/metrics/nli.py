"""Groundedness by a local model of natural-language inference: a cross-encoder that says whether a passage entails a statement."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.metrics.groundedness import Grounding, claims, grounding
from rag.errors import ModelError
from rag.models.folder import resolve
from rag.models.quiet import quiet
from rag.progress import Progress, silent
from rag.settings import Settings

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

SHORT = 5
"""Words below which an answer is no statement of its own: the question is put before it."""
ENTAILS = re.compile(r"^entail", re.IGNORECASE)
DO = "Give the folder of a cross-encoder trained for NLI, whose config.json names a label 'entailment'."


class NliGrounder:
    """A statement is supported when the likeliest label for (passage, statement), for any of the passages, is entailment.

    Whole passages are the premises (SummaC's measure, Laban et al. 2022, with passages for sentences); what does not fit the
    model's window is cut off at its end. Weights load at the first reply.
    """

    def __init__(self, folder: Path, device: str = "auto") -> None:
        """Raises ModelError when config.json does not say which label is entailment."""
        self._folder = folder
        self._device = None if device == "auto" else device
        self._entailment = entailment(folder)
        self._model: CrossEncoder | None = None
        self._lock = threading.Lock()

    async def __call__(self, question: str, answer: str, passages: Sequence[str]) -> Grounding:
        """Raises ModelError when the weights cannot be loaded."""
        parts = claims(answer)
        return grounding(parts, await asyncio.to_thread(self._verdicts, question, parts, passages))

    def _verdicts(self, question: str, parts: Sequence[str], passages: Sequence[str]) -> list[str]:
        if not parts or not passages:
            return ["NO"] * len(parts)
        stated = [f"{question} {part}" if len(part.split()) < SHORT else part for part in parts]
        with self._lock:
            scores = self._loaded().predict([(passage, part) for part in stated for passage in passages], show_progress_bar=False)
        entailed = (scores.argmax(axis=1) == self._entailment).reshape(len(parts), len(passages))
        return ["YES" if supported else "NO" for supported in entailed.any(axis=1)]

    def _loaded(self) -> Any:
        if self._model is None:
            from safetensors import SafetensorError
            from sentence_transformers import CrossEncoder

            quiet()
            try:
                self._model = CrossEncoder(str(self._folder), device=self._device, local_files_only=True)
            except (OSError, ValueError, RuntimeError, SafetensorError) as exc:
                raise ModelError(f"The NLI model in {self._folder} cannot be loaded ({str(exc).splitlines()[0]}).", DO) from exc
        return self._model


def open_nli(name: str, settings: Settings, *, progress: Progress = silent) -> NliGrounder:
    """`name`: a folder, or a hub id. Raises ModelError when it is not there, or is no NLI model."""
    return NliGrounder(resolve(name, settings, progress=progress).path, settings.embed.device)


def entailment(folder: Path) -> int:
    """The number of the label that means entailment; its place differs from model to model. Raises ModelError."""
    try:
        labels = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("id2label") or {}
    except (OSError, ValueError, AttributeError) as exc:
        raise ModelError(f"{folder / 'config.json'} cannot be read ({exc}).", DO) from exc
    found = [int(number) for number, label in labels.items() if ENTAILS.match(str(label))]
    if len(found) != 1 or len(labels) < 2:
        named = ", ".join(map(str, labels.values())) or "none"
        raise ModelError(f"The model in {folder} is no NLI model: its labels are {named}.", DO)
    return found[0]
