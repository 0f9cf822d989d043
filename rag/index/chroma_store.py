"""Chroma: embedded in the version's folder, or a server (`index.url`) with one collection per version."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self
from urllib.parse import urlsplit

import numpy as np

from rag.errors import IndexError_
from rag.index import collection as records
from rag.index.store import ID_TYPE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rag.settings import Index as IndexSettings

IDS = "ids.npy"
HNSW: dict[str, Any] = {"space": "cosine", "ef_construction": 200, "ef_search": 128, "max_neighbors": 32}


class ChromaStore:
    """A thin layer over Chroma's own client; its telemetry is off and it never embeds anything itself."""

    immutable: ClassVar[bool] = False

    def __init__(self, client: Any, collection: Any, record: records.Collection, ids: NDArray[np.str_]) -> None:
        self._client = client
        self._collection = collection
        self._record = record
        self._ids = ids
        self._known: frozenset[str] = frozenset()

    @classmethod
    def create(cls, folder: Path, ids: Sequence[str], vectors: NDArray[np.float32], settings: IndexSettings) -> Self:
        record = records.reserve(folder, settings.url)
        with _foreign(record.url):
            client = _connect(folder, record.url)
            collection = client.create_collection(record.name, configuration={"hnsw": HNSW}, embedding_function=None)
            step = int(client.get_max_batch_size())
            for start in range(0, len(ids), step):
                collection.add(ids=list(ids[start : start + step]), embeddings=np.asarray(vectors[start : start + step], dtype=np.float32))
        table = np.array(list(ids), dtype=ID_TYPE)
        np.save(folder / IDS, table, allow_pickle=False)
        return cls(client, collection, record, table)

    @classmethod
    def open(cls, folder: Path, settings: IndexSettings) -> Self:
        record = records.recorded(folder)
        with _foreign(record.url):
            client = _connect(folder, record.url)
            collection = client.get_collection(record.name, embedding_function=None)
            there = int(collection.count())
        ids = np.load(folder / IDS, allow_pickle=False, mmap_mode="r")
        if there != len(ids):
            raise IndexError_(f"The collection {record.name} holds {there} vectors, {len(ids)} were written.", "Build the index again.")
        return cls(client, collection, record, ids)

    def search(self, query: NDArray[np.float32], k: int, *, allowed: Collection[str] | None = None) -> list[tuple[str, float]]:
        names = None if allowed is None else sorted(self._here().intersection(allowed))
        k = min(k, len(self) if names is None else len(names))
        if k <= 0:
            return []
        with _foreign(self._record.url):
            found = self._collection.query(query_embeddings=[query.reshape(-1)], n_results=k, ids=names, include=["distances"])
        return [(name, 1.0 - float(distance)) for name, distance in zip(found["ids"][0], found["distances"][0], strict=True)]

    def describe(self) -> dict[str, str | int | float]:
        return {"kind": "hnsw", "links": HNSW["max_neighbors"], "ef_construction": HNSW["ef_construction"], "ef_search": HNSW["ef_search"]}

    def __len__(self) -> int:
        return len(self._ids)

    def _here(self) -> frozenset[str]:
        """All ids: Chroma refuses a filter that names one it does not know."""
        if not self._known:
            self._known = frozenset(str(name) for name in self._ids)
        return self._known

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    @classmethod
    def delete(cls, folder: Path, settings: IndexSettings) -> None:
        if not records.exists(folder):
            return
        record = records.recorded(folder)
        if not record.url:
            return
        from chromadb.errors import NotFoundError

        with _foreign(record.url):
            client = _connect(folder, record.url)
            try:
                client.delete_collection(record.name)
            except NotFoundError:
                return  # the build died between the record and the collection, or somebody dropped it by hand
            finally:
                client.close()


def _connect(folder: Path, url: str) -> Any:
    import chromadb
    from chromadb.config import Settings as ChromaSettings

    options = ChromaSettings(anonymized_telemetry=False)
    if not url:
        return chromadb.PersistentClient(path=str(folder.resolve() / "chroma"), settings=options)
    parts = urlsplit(url if "//" in url else f"http://{url}")
    return chromadb.HttpClient(host=parts.hostname or "localhost", port=parts.port or 8000, ssl=parts.scheme == "https", settings=options)


@contextmanager
def _foreign(url: str) -> Iterator[None]:
    """Chroma's, its transport's and its database's errors -> one line that names the server or says that it is the disk."""
    import httpx
    from chromadb.errors import ChromaError

    where = f"the Chroma server at {url}" if url else "the Chroma store"
    try:
        yield
    except (ChromaError, httpx.HTTPError, ValueError, ConnectionError) as exc:
        if isinstance(exc, httpx.HTTPError | ConnectionError) or "Could not connect" in str(exc):
            do = f"Start it (`chroma run --port {urlsplit(url).port or 8000}`) or set index.url to where it runs."
            raise IndexError_(f"No answer from {where}.", do) from exc
        reason = (str(exc) or type(exc).__name__).splitlines()[0]
        raise IndexError_(f"An error from {where}: {reason}.", "Build the index again, or roll back.") from exc
