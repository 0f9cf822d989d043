"""Building: what is embedded, what is swapped, what a failure leaves."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rag.embed.hashing import HashEmbedder
from rag.errors import IndexError_, InputError, UserError
from rag.index import manifest, versions
from rag.index.build import build
from rag.index.opened import open_current, open_live
from rag.index.store import STORES
from rag.ingest.split import TokenCounter, split
from rag.settings import Ingest, Settings
from rag.types import Chunk, Document

from .conftest import TEXTS, write

Make = Callable[..., Settings]


class Counting(HashEmbedder):
    """Counts what it embeds, and fails after so many texts when told to."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.fail_after = 10**9

    def embed_passages(self, texts, *, progress=None) -> NDArray[np.float32]:  # type: ignore[no-untyped-def]
        if len(self.texts) + len(texts) > self.fail_after:
            raise KeyboardInterrupt
        self.texts += texts
        return super().embed_passages(texts)


def many(corpus: Path, count: int, *, salt: str = "") -> None:
    write(
        corpus,
        {f"many/{n:03}.txt": f"Document {n} of the {salt} archive speaks of subject{n} and topic{n * 7} only." for n in range(count)},
    )


@pytest.mark.parametrize("store", STORES.names())
@pytest.mark.slow
def test_a_built_index_answers_and_its_chunks_are_slices(store: str, make_settings: Make) -> None:
    settings = make_settings(index={"store": store})
    report = build(settings)
    assert (report.documents, report.problems, report.unchanged) == (len(TEXTS), (), False)
    embedder = HashEmbedder()
    index = open_current(versions.folder_of(settings), settings.index)
    (name, score), *_ = index.dense(embedder.embed_query("lora_alpha scales the frozen weight"), 3)
    (found,) = index.chunks([name])
    assert found.path == "lora.md"
    assert 0 < score <= 1.0001
    assert index.chunks([index.lexical("частота слова", 1)[0][0]])[0].path == "ru/bm25.md"
    for document in index.documents():
        assert index.document(document.id) == document
        for chunk in index.chunks_of(document.id):
            assert document.text[chunk.start : chunk.end] == chunk.text
            vector = index.vectors([chunk.id])[0]
            assert vector @ embedder.embed_passages([chunk.embedded_text])[0] == pytest.approx(1, abs=2e-3)
    index.close()


def test_only_what_is_new_is_embedded(settings: Settings, corpus: Path) -> None:
    many(corpus, 40)
    embedder = Counting()
    first = build(settings, embedder=embedder)
    assert first.embedded == first.chunks == len(embedder.texts)
    embedder.texts.clear()
    write(corpus, {"many/007.txt": "Something else entirely about walruses."})
    second = build(settings, embedder=embedder)
    assert (second.embedded, second.reused) == (1, second.chunks - 1)
    assert ["walruses" in text for text in embedder.texts] == [True]


def test_identical_texts_are_embedded_once(make_settings: Make, corpus: Path) -> None:
    same = "The very same words stand in both of these two rows.\n"
    write(corpus, {"rows.jsonl": "".join(json.dumps({"text": f"{same}{tail}"}) + "\n" for tail in ("", "", ""))})
    embedder = Counting()
    report = build(make_settings(ingest={"near_duplicate": 1.0}), embedder=embedder)
    assert len(embedder.texts) == len(set(embedder.texts)) == report.embedded


def test_nothing_changed_makes_no_new_version(settings: Settings) -> None:
    first = build(settings)
    second = build(settings)
    assert second.unchanged
    assert (second.version, second.embedded, second.chunks) == (first.version, 0, first.chunks)
    assert versions.names(versions.folder_of(settings)) == [first.version]


@pytest.mark.parametrize(
    "change", [{"ingest": {"chunk_tokens": 16, "overlap_tokens": 0}}, {"index": {"store": "chroma"}}, {"index": {"kind": "hnsw"}}]
)
def test_other_settings_make_a_new_version(change: dict[str, dict[str, object]], make_settings: Make) -> None:
    first = build(make_settings())
    second = build(make_settings(**change))
    assert not second.unchanged
    assert second.version > first.version


def test_a_broken_file_is_named_and_the_rest_is_indexed(settings: Settings, corpus: Path) -> None:
    (corpus / "empty.md").write_bytes(b"")
    (corpus / "broken.pdf").write_bytes(b"this is no pdf")
    report = build(settings)
    assert {problem.path for problem in report.problems} == {"empty.md", "broken.pdf"}
    assert report.documents == len(TEXTS)


def test_a_missing_folder_leaves_the_live_version(settings: Settings, tmp_path: Path) -> None:
    version = build(settings).version
    with pytest.raises(InputError):
        build(settings, corpus=tmp_path / "nowhere")
    assert versions.current(versions.folder_of(settings)) == version


def test_an_interrupted_build_keeps_the_old_version_and_what_was_embedded(settings: Settings, corpus: Path) -> None:
    version = build(settings).version
    many(corpus, 200)
    embedder = Counting()
    embedder.fail_after = 150
    with pytest.raises(KeyboardInterrupt):
        build(settings, embedder=embedder)
    folder = versions.folder_of(settings)
    assert versions.current(folder) == version
    assert not list(folder.glob(".build-*"))
    embedder.fail_after = 10**9
    report = build(settings, embedder=embedder)
    assert report.embedded == 200 - 128  # two slabs of 64 were kept
    assert len(embedder.texts) == len(set(embedder.texts))


def test_leftovers_of_a_dead_build_are_removed(settings: Settings) -> None:
    folder = versions.folder_of(settings)
    for name in (".build-20200101-000000-000", ".trash-20200101-000000-000"):
        (folder / name / "vectors").mkdir(parents=True)
        (folder / name / "vectors" / "half").write_bytes(b"x")
    build(settings)
    assert sorted(path.name for path in folder.glob(".*")) == []


def test_a_second_build_waits_and_says_so(settings: Settings, corpus: Path) -> None:
    folder = versions.folder_of(settings)
    said: list[str] = []
    reports = []
    with versions.building(folder, wait=False):
        with pytest.raises(IndexError_, match="being built by another process"):
            build(settings, wait=False)
        second = threading.Thread(target=lambda: reports.append(build(settings, progress=lambda stage, done, total: said.append(stage))))
        second.start()
        while not said:
            second.join(0.01)
        assert not reports
    second.join(30)
    assert said[0].startswith("waiting for the build of pid")
    assert reports[0].documents == len(TEXTS)


def test_old_versions_are_pruned_but_not_the_live_one(make_settings: Make, corpus: Path) -> None:
    settings = make_settings(index={"keep": 2})
    folder = versions.folder_of(settings)
    made = []
    for number in range(4):
        write(corpus, {"changing.txt": f"This is edition number {number} of the changing text."})
        made.append(build(settings).version)
    assert versions.names(folder) == made[-2:]
    versions.rollback(settings)
    assert versions.current(folder) == made[-2]
    write(corpus, {"changing.txt": "Another edition."})
    newest = build(settings).version
    assert newest in versions.names(folder)
    assert len(versions.names(folder)) == 2


def test_truncated_chunks_are_counted(make_settings: Make) -> None:
    class Short(HashEmbedder):
        def identity(self):  # type: ignore[no-untyped-def]
            return {**super().identity(), "max_tokens": 5}

    report = build(make_settings(), embedder=Short())
    assert report.truncated == report.chunks > 0


def test_a_damaged_cache_of_embeddings_is_made_again(settings: Settings, corpus: Path) -> None:
    build(settings)
    folder = versions.folder_of(settings)
    (folder / "embeddings.db").write_bytes(b"this is not a database at all, however long it may be" * 100)
    write(corpus, {"new.txt": "A new document about otters."})
    report = build(settings)
    assert report.embedded == report.chunks


def test_a_full_disk_is_one_clear_line_and_the_old_index_answers(settings: Settings, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = build(settings).version
    many(corpus, 5)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rag.index.corpus_db.write", full)
    with pytest.raises(IndexError_, match="The disk is full") as caught:
        build(settings)
    assert "\n" not in str(caught.value)
    folder = versions.folder_of(settings)
    assert open_current(folder, settings.index).version == version
    assert not list(folder.glob(".build-*"))


def test_the_manifest_says_what_the_index_was_made_of(settings: Settings) -> None:
    report = build(settings)
    described = manifest.read(versions.folder_of(settings) / report.version)
    assert described.embedder == HashEmbedder().identity()
    assert (described.documents, described.chunks) == (report.documents, report.chunks)
    assert described.languages["ru"] == 2
    assert sum(described.languages.values()) == len(TEXTS)
    assert described.store["kind"] == "exact"
    assert described.seconds.keys() >= {"reading", "splitting", "embedding", "indexing words"}
    assert open_live(settings, HashEmbedder()).current().manifest == described


def test_unknown_filter_keys_are_named(settings: Settings) -> None:
    build(settings)
    index = open_live(settings, HashEmbedder()).current()
    russian = index.select({"language": "ru"})
    assert {chunk.path for chunk in index.chunks(sorted(russian))} == {"ru/icl.md", "ru/bm25.md"}
    assert index.select({"path": "ru/*", "language": ["ru", "en"]}) == russian
    assert index.select({"path": ["lora.md", "rag.*"], "language": "ru"}) == set()
    assert {name for name, _ in index.dense(HashEmbedder().embed_query("lora"), 10, allowed=russian)} == russian
    with pytest.raises(UserError, match="No document has the key 'autor'") as caught:
        index.select({"autor": "Hu"})
    assert "language, media, path" in str(caught.value)


def test_documents_that_did_not_change_are_not_split_again(settings: Settings, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many(corpus, 20)
    before = build(settings)
    write(corpus, {"many/003.txt": "A changed document about walruses and their tusks."})
    cut: list[str] = []

    def counting(document: Document, tokenizer: TokenCounter, options: Ingest) -> list[Chunk]:
        cut.append(document.path)
        return split(document, tokenizer, options)

    monkeypatch.setattr("rag.index.build.split", counting)
    after = build(settings)
    assert cut == ["many/003.txt"]
    assert after.documents == before.documents
    monkeypatch.setattr("rag.index.build._code", lambda: "another splitter")
    assert not build(settings).unchanged
    assert len(cut) == 1 + after.documents
