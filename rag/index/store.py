"""What a vector store is, and which ones there are."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol, Self

from rag.registry import Part, Registry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rag.settings import Index as IndexSettings

ID_TYPE = "<U16"  # chunk ids are 16 hex digits


class VectorStore(Protocol):
    """The vectors of one index version. Vectors are unit float32, scores are cosines (higher is better).

    `immutable`: opening does not change the files in the folder, so their sizes can be checked.
    Foreign errors come out as IndexError_.
    """

    immutable: ClassVar[bool]

    @classmethod
    def create(cls, folder: Path, ids: Sequence[str], vectors: NDArray[np.float32], settings: IndexSettings) -> Self:
        """The whole build at once, into an empty folder (which may be renamed after `close`). `vectors`: (len(ids), dimension)."""

    @classmethod
    def open(cls, folder: Path, settings: IndexSettings) -> Self:
        """Read-only. Several processes may have the same version open."""

    def search(self, query: NDArray[np.float32], k: int, *, allowed: Collection[str] | None = None) -> list[tuple[str, float]]:
        """The nearest (chunk id, cosine), best first, at most `k`, each id at most once and only `allowed` ids (None = all)."""

    def describe(self) -> dict[str, str | int | float]:
        """How it searches (for the manifest and `atlas index info`): at least "kind"."""

    def __len__(self) -> int:
        """Number of vectors."""

    def close(self) -> None:
        """Let go of files and connections; may be called twice."""

    @classmethod
    def delete(cls, folder: Path, settings: IndexSettings) -> None:
        """Drop what lies outside the folder (a server's collection). The folder itself is removed by the caller."""


STORES: Registry[VectorStore] = Registry(
    "vector store",
    {
        "faiss": Part("rag.index.faiss_store:FaissStore"),
        "chroma": Part("rag.index.chroma_store:ChromaStore"),
        "milvus": Part("rag.index.milvus_store:MilvusStore", extra="milvus"),
    },
)
