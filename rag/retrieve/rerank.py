"""Reranking: a cross-encoder reads question and passage together and orders the fused hits anew."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rag.errors import ModelError
from rag.models.catalogue import catalogue
from rag.models.folder import resolve
from rag.models.quiet import quiet
from rag.progress import Progress, silent
from rag.types import Hit

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

    from rag.settings import Settings

AUTO = "auto"


class Reranker(Protocol):
    def rerank(self, query: str, hits: Sequence[Hit]) -> list[Hit]:
        """The same hits, best first, `score` and `rerank` set to the reranker's score."""


class CrossEncoderReranker:
    """A sentence-transformers CrossEncoder; weights load at the first question."""

    def __init__(self, folder: Path, device: str = "auto") -> None:
        self._folder = folder
        self._device = None if device == "auto" else device
        self._model: CrossEncoder | None = None
        self._lock = threading.Lock()

    def rerank(self, query: str, hits: Sequence[Hit]) -> list[Hit]:
        """Raises ModelError when the folder holds no cross-encoder that can be loaded."""
        if not hits:
            return []
        with self._lock:
            scores = self._loaded().predict([(query, hit.chunk.embedded_text) for hit in hits], show_progress_bar=False)
        scored = [replace(hit, score=float(score), rerank=float(score)) for hit, score in zip(hits, scores, strict=True)]
        return sorted(scored, key=lambda hit: -hit.score)

    def _loaded(self) -> CrossEncoder:
        if self._model is None:
            from safetensors import SafetensorError
            from sentence_transformers import CrossEncoder

            quiet()
            do = "Set retrieve.reranker = '' to go without."
            try:
                model = CrossEncoder(str(self._folder), device=self._device, local_files_only=True)
            except (OSError, ValueError, RuntimeError, SafetensorError) as exc:
                raise ModelError(f"The reranker in {self._folder} cannot be loaded ({str(exc).splitlines()[0]}).", do) from exc
            if model.num_labels != 1:
                raise ModelError(f"The model in {self._folder} gives {model.num_labels} scores for a pair, a reranker one.", do)
            self._model = model
        return self._model


def open_reranker(settings: Settings, *, progress: Progress = silent) -> Reranker | None:
    """The reranker of the settings, or None. "auto" takes a reranker of the catalogue whose folder is here, and fetches nothing."""
    name = settings.retrieve.reranker
    if name == AUTO:
        for entry in catalogue().values():
            if entry.kind == "reranker":
                try:
                    return CrossEncoderReranker(resolve(entry.name, settings, fetch=False).path, settings.embed.device)
                except ModelError:
                    continue  # not fetched: going without is what "auto" means
        return None
    return CrossEncoderReranker(resolve(name, settings, progress=progress).path, settings.embed.device) if name else None
