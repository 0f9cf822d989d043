"""Which models the settings in force need."""

from __future__ import annotations

from rag.settings import Settings


def wanted(settings: Settings) -> list[str]:
    """Names of the embedder, the generator (when it runs on this machine) and the reranker, in the order in which they are used."""
    names = [settings.embed.model] if settings.embed.backend == "sentence-transformers" else []
    if settings.retrieve.reranker:
        names.append(settings.retrieve.reranker)
    if settings.generate.backend in ("vllm", "transformers"):
        names.append(settings.generate.model)
    return names
