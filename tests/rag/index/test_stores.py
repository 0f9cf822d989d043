"""Laws of every registered vector store, embedded and as a server."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rag.errors import IndexError_
from rag.index.store import STORES, VectorStore
from rag.settings import Index as IndexSettings

DIMENSION, COUNT = 32, 600
CASES = [
    *((name, "auto") for name in STORES.names()),
    ("faiss", "hnsw"),
    ("faiss", "ivf"),
    ("chroma", "server"),
]


@pytest.fixture(scope="module")
def vectors() -> NDArray[np.float32]:
    """Clustered unit vectors, as embeddings are."""
    rng = np.random.default_rng(7)
    centres = rng.normal(size=(30, DIMENSION))
    raw = centres[rng.integers(0, 30, COUNT)] + 0.3 * rng.normal(size=(COUNT, DIMENSION))
    unit: NDArray[np.float32] = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)
    return unit


@pytest.fixture(scope="module")
def ids() -> list[str]:
    return [f"{number * 7919:016x}" for number in range(COUNT)]


@pytest.fixture(scope="module")
def chroma_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Chroma server on loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("chroma-server")
    command = [str(Path(sys.executable).with_name("chroma")), "run", "--host", "127.0.0.1", "--port", str(port), "--path", str(folder)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while True:
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert server.poll() is None, "the Chroma server ended"
            assert time.monotonic() < deadline, "the Chroma server did not come up"
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture(params=CASES, ids=lambda case: "-".join(case), scope="module")
def case(request: pytest.FixtureRequest) -> tuple[type[VectorStore], IndexSettings]:
    name, kind = request.param
    if kind == "server":
        settings = IndexSettings(store=name, url=request.getfixturevalue("chroma_url"))
    else:
        settings = IndexSettings(store=name, kind=kind)
    return STORES.load(name), settings


@pytest.fixture(scope="module")
def store(
    case: tuple[type[VectorStore], IndexSettings], tmp_path_factory: pytest.TempPathFactory, ids: list[str], vectors: NDArray[np.float32]
) -> Iterator[VectorStore]:
    """Created, closed, its folder renamed (as a build does) and opened again."""
    kind, settings = case
    folder = tmp_path_factory.mktemp("build") / "making"
    folder.mkdir()
    kind.create(folder, ids, vectors, settings).close()
    moved = folder.rename(folder.with_name("made"))
    opened = kind.open(moved, settings)
    yield opened
    opened.close()
    kind.delete(moved, settings)


def exact(vectors: NDArray[np.float32], query: NDArray[np.float32], rows: list[int], k: int) -> list[int]:
    scores = vectors[rows] @ query
    return [rows[position] for position in np.argsort(-scores, kind="stable")[:k]]


def test_it_holds_every_vector(store: VectorStore) -> None:
    assert len(store) == COUNT


def test_a_vector_finds_itself_first_with_cosine_one(store: VectorStore, ids: list[str], vectors: NDArray[np.float32]) -> None:
    for row in (0, 17, COUNT - 1):
        (name, score), *_ = store.search(vectors[row], 3)
        assert name == ids[row]
        assert score == pytest.approx(1.0, abs=1e-4)


def test_scores_are_cosines_in_falling_order_and_ids_are_distinct(store: VectorStore, ids: list[str], vectors: NDArray[np.float32]) -> None:
    query = vectors[3] * 0.6 + vectors[99] * 0.8
    query /= np.linalg.norm(query)
    hits = store.search(query, 25)
    assert len(hits) == 25 == len({name for name, _ in hits})
    scores = [score for _, score in hits]
    assert scores == sorted(scores, reverse=True)
    for name, score in hits:
        assert score == pytest.approx(float(vectors[ids.index(name)] @ query), abs=1e-4)


def test_it_agrees_with_exact_search(store: VectorStore, ids: list[str], vectors: NDArray[np.float32]) -> None:
    rows = list(range(COUNT))
    found = sum(
        len({name for name, _ in store.search(vectors[row], 10)} & {ids[other] for other in exact(vectors, vectors[row], rows, 10)})
        for row in range(0, COUNT, 20)
    )
    assert found / (10 * len(range(0, COUNT, 20))) >= 0.9


@pytest.mark.parametrize("share", [1, 5, 300])
def test_only_allowed_ids_come_back_and_the_best_of_them(
    store: VectorStore, ids: list[str], vectors: NDArray[np.float32], share: int
) -> None:
    rows = list(range(0, share * 2, 2))
    allowed = {ids[row] for row in rows}
    hits = store.search(vectors[401], 4, allowed=allowed)
    assert [name for name, _ in hits] == [ids[row] for row in exact(vectors, vectors[401], rows, 4)]


def test_unknown_allowed_ids_are_ignored(store: VectorStore, ids: list[str], vectors: NDArray[np.float32]) -> None:
    assert [name for name, _ in store.search(vectors[0], 5, allowed=["f" * 16, ids[4]])] == [ids[4]]
    assert store.search(vectors[0], 5, allowed=["f" * 16]) == []
    assert store.search(vectors[0], 5, allowed=[]) == []


def test_asking_for_more_than_there_is_gives_what_there_is(store: VectorStore, vectors: NDArray[np.float32]) -> None:
    assert len(store.search(vectors[0], COUNT * 2)) >= COUNT * (0.9 if store.describe()["kind"] in ("hnsw", "ivf") else 1)
    assert store.search(vectors[0], 0) == []


def test_two_readers_may_have_it_open(
    store: VectorStore, case: tuple[type[VectorStore], IndexSettings], tmp_path: Path, ids: list[str], vectors: NDArray[np.float32]
) -> None:
    kind, settings = case
    kind.create(tmp_path, ids[:50], vectors[:50], settings).close()
    first, second = kind.open(tmp_path, settings), kind.open(tmp_path, settings)
    try:
        assert first.search(vectors[9], 3) == second.search(vectors[9], 3)
        first.close()
        assert second.search(vectors[9], 1)[0][0] == ids[9]
    finally:
        first.close()
        second.close()
        kind.delete(tmp_path, settings)


def test_describe_names_the_kind(store: VectorStore) -> None:
    assert store.describe()["kind"]


def test_faiss_chooses_by_count() -> None:
    from rag.index.faiss_store import choose

    settings = IndexSettings(exact_below=1000)
    assert [choose(count, settings) for count in (999, 1000, 999_999, 1_000_000)] == ["exact", "hnsw", "hnsw", "ivf"]
    assert choose(5, IndexSettings(kind="ivf")) == "ivf"


@pytest.mark.parametrize("kind", ["hnsw", "ivf"])
def test_a_filter_too_long_to_scan_still_holds(
    kind: str, tmp_path: Path, ids: list[str], vectors: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.index.faiss_store.SCAN_BELOW", 10)
    settings = IndexSettings.model_validate({"kind": kind})
    store = STORES.load("faiss").create(tmp_path, ids, vectors, settings)
    allowed = set(ids[::3])
    hits = store.search(vectors[0], 5, allowed=allowed)
    assert hits[0][0] == ids[0]
    assert {name for name, _ in hits} <= allowed


def test_a_dead_server_is_one_clear_line(tmp_path: Path, vectors: NDArray[np.float32]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    with pytest.raises(IndexError_, match=r"No answer from the Chroma server at http://127\.0\.0\.1") as caught:
        STORES.load("chroma").create(tmp_path, ["0" * 16], vectors[:1], IndexSettings(store="chroma", url=url))
    assert "\n" not in str(caught.value)


def test_deleting_drops_the_servers_collection(chroma_url: str, tmp_path: Path, ids: list[str], vectors: NDArray[np.float32]) -> None:
    import chromadb
    from chromadb.config import Settings as ChromaSettings

    settings = IndexSettings(store="chroma", url=chroma_url)
    kind = STORES.load("chroma")
    kind.create(tmp_path, ids[:5], vectors[:5], settings).close()
    port = int(chroma_url.rsplit(":", 1)[1])
    client = chromadb.HttpClient(host="127.0.0.1", port=port, settings=ChromaSettings(anonymized_telemetry=False))
    before = {collection.name for collection in client.list_collections()}
    kind.delete(tmp_path, settings)
    kind.delete(tmp_path, settings)  # a second time is no error
    assert len(before - {collection.name for collection in client.list_collections()}) == 1
    with pytest.raises(IndexError_, match="Chroma"):
        kind.open(tmp_path, settings)


@pytest.mark.parametrize("damage", [b"", b"not a faiss file"])
def test_a_damaged_faiss_file_is_one_clear_line(tmp_path: Path, damage: bytes, ids: list[str], vectors: NDArray[np.float32]) -> None:
    kind = STORES.load("faiss")
    kind.create(tmp_path, ids, vectors, IndexSettings()).close()
    (tmp_path / "vectors.faiss").write_bytes(damage)
    with pytest.raises(IndexError_, match="Cannot read the vectors"):
        kind.open(tmp_path, IndexSettings())
