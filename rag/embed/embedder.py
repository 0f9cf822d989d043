"""What an embedder is, which ones there are, and how the settings choose one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, Self

from rag.progress import Progress, silent
from rag.registry import Part, Registry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rag.ingest.split import TokenCounter
    from rag.settings import Settings

Identity = dict[str, str | int]


class Embedder(Protocol):
    """Turns passages and queries into unit vectors (float32), so that a dot product is a cosine."""

    dimension: int

    @classmethod
    def open(cls, settings: Settings, *, progress: Progress = silent) -> Self:
        """Find the model, but load no weights. Raises ModelError when it is not there."""

    def identity(self) -> Identity:
        """What makes two embedders interchangeable: model, revision, preparation of texts, prefixes, dimension,
        max tokens. Loads no weights."""

    def tokenizer(self) -> TokenCounter:
        """Counts tokens as the model does. Loads no weights."""

    def embed_passages(self, texts: Sequence[str], *, progress: Progress = silent) -> NDArray[np.float32]:
        """(len(texts), dimension), unit rows, in the order of `texts`. A text beyond the model's length is cut there."""

    def embed_queries(self, texts: Sequence[str], *, progress: Progress = silent) -> NDArray[np.float32]:
        """(len(texts), dimension): `embed_query` of many texts at once."""

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """(dimension,), unit length."""


EMBEDDERS: Registry[Embedder] = Registry(
    "embedder",
    {
        "sentence-transformers": Part("rag.embed.sentence:SentenceEmbedder"),
        "hash": Part("rag.embed.hashing:HashEmbedder"),
    },
)


def open_embedder(settings: Settings, *, progress: Progress = silent) -> Embedder:
    """The embedder that `settings.embed` names. Weights load at the first `embed_*`."""
    return EMBEDDERS.load(settings.embed.backend).open(settings, progress=progress)


def describe(identity: Identity) -> str:
    """One short name of an embedder, for messages: 'multilingual-e5-small (384 dimensions, revision 0123abcd)'."""
    return f"{identity.get('model', '?')} ({identity.get('dimension', '?')} dimensions, revision {str(identity.get('revision', '?'))[:8]})"
