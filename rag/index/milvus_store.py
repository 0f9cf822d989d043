"""Milvus: Lite (files in the version's folder), or a server or cluster by `index.url`, one collection per version."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from rag.errors import IndexError_
from rag.index import collection as records

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rag.settings import Index as IndexSettings

DATABASE = "milvus.db"
BATCH = 1000
LONGEST_FILTER = 10_000
"""Ids in one filter expression; a longer list is asked in parts and the answers are merged."""


class MilvusStore:
    """Exact search (FLAT) when embedded, Milvus' own AUTOINDEX on a server.

    Milvus Lite lets one process into a folder at a time. A version never changes, so each reader opens a private copy
    in the temporary directory, removed when it closes.
    """

    immutable: ClassVar[bool] = False

    def __init__(self, client: Any, record: records.Collection, count: int, *, files: Path | None, copy: Path | None = None) -> None:
        self._client = client
        self._record = record
        self._count = count
        self._files = files
        self._copy = copy

    @classmethod
    def create(cls, folder: Path, ids: Sequence[str], vectors: NDArray[np.float32], settings: IndexSettings) -> Self:
        from pymilvus import DataType, MilvusClient

        record = records.reserve(folder, settings.url)
        files = None if record.url else folder / DATABASE
        with _foreign(record.url):
            client = _connect(record.url or str(files))
            schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
            schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=16)
            schema.add_field("vector", DataType.FLOAT_VECTOR, dim=int(vectors.shape[1]))
            index = MilvusClient.prepare_index_params()
            index.add_index("vector", index_type="AUTOINDEX" if record.url else "FLAT", metric_type="IP")
            client.create_collection(record.name, schema=schema, index_params=index, consistency_level="Strong")
            for start in range(0, len(ids), BATCH):
                rows = zip(ids[start : start + BATCH], vectors[start : start + BATCH], strict=True)
                client.insert(record.name, [{"id": name, "vector": vector.tolist()} for name, vector in rows])
            client.flush(record.name)
            client.load_collection(record.name)
        return cls(client, record, len(ids), files=files)

    @classmethod
    def open(cls, folder: Path, settings: IndexSettings) -> Self:
        record = records.recorded(folder)
        copy = None
        if not record.url:
            copy = Path(tempfile.mkdtemp(prefix="atlas-milvus-"))
            shutil.copytree(folder / DATABASE, copy / DATABASE, ignore=shutil.ignore_patterns("LOCK"))
        with _foreign(record.url):
            client = _connect(record.url or str(copy / DATABASE if copy else ""))
            client.load_collection(record.name)
            count = int(client.get_collection_stats(record.name)["row_count"])
        return cls(client, record, count, files=copy / DATABASE if copy else None, copy=copy)

    def search(self, query: NDArray[np.float32], k: int, *, allowed: Collection[str] | None = None) -> list[tuple[str, float]]:
        names = None if allowed is None else sorted(set(allowed))
        k = min(k, len(self) if names is None else len(names))
        if k <= 0:
            return []
        if names is None:
            return self._search(query, k, "")
        found: list[tuple[str, float]] = []
        for start in range(0, len(names), LONGEST_FILTER):
            quoted = ", ".join(f'"{name}"' for name in names[start : start + LONGEST_FILTER])
            found += self._search(query, k, f"id in [{quoted}]")
        return sorted(found, key=lambda hit: -hit[1])[:k]

    def _search(self, query: NDArray[np.float32], k: int, expression: str) -> list[tuple[str, float]]:
        with _foreign(self._record.url):
            data = [query.reshape(-1).tolist()]
            found = self._client.search(self._record.name, data=data, limit=k, filter=expression, output_fields=["id"])
        return [(str(hit["id"]), float(hit["distance"])) for hit in found[0]]

    def describe(self) -> dict[str, str | int | float]:
        return {"kind": "autoindex" if self._record.url else "exact"}

    def __len__(self) -> int:
        return self._count

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
        if self._files is not None:
            servers = import_module("milvus_lite.server_manager").server_manager_instance
            servers.release_server(str(self._files))  # or its thread goes on writing its index file
            self._files = None
        if self._copy is not None:
            shutil.rmtree(self._copy, ignore_errors=True)
            self._copy = None

    @classmethod
    def delete(cls, folder: Path, settings: IndexSettings) -> None:
        if not records.exists(folder):
            return
        record = records.recorded(folder)
        if record.url:
            with _foreign(record.url):
                client = _connect(record.url)
                client.drop_collection(record.name)  # no error when it is not there
                client.close()


def _connect(uri: str) -> Any:
    from pymilvus import MilvusClient

    return MilvusClient(uri)


@contextmanager
def _foreign(url: str) -> Iterator[None]:
    from pymilvus.exceptions import MilvusException

    try:
        yield
    except (MilvusException, OSError) as exc:
        where = f"the Milvus server at {url}" if url else "Milvus Lite"
        reason = str(getattr(exc, "message", "") or exc).splitlines()[0]
        do = "Is it running? Set index.url to where it runs." if url else "Is the disk full? Build again."
        raise IndexError_(f"An error from {where}: {reason}.", do) from exc
