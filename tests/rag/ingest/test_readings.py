"""Reading a folder again: files that did not change are not read, and nobody can tell from the result."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from rag.embed.hashing import HashEmbedder
from rag.index import build as building
from rag.index.build import build
from rag.ingest import folder as folders
from rag.ingest.extract import Extract
from rag.ingest.files import read_bytes
from rag.ingest.folder import Ingested, read_folder
from rag.ingest.readers import read
from rag.ingest.readings import SETTLED, Reading, Readings, Seen
from rag.settings import Ingest, Settings
from rag.types import Heading

Write = Callable[..., Path]
Again = Callable[..., Ingested]


@pytest.fixture
def again(folder: Path, tmp_path: Path) -> Again:
    """again() -> what the corpus folder holds, with the readings of the call before."""

    def look(**fields: object) -> Ingested:
        with Readings(tmp_path / "readings.db", maker=str(fields)) as readings:
            return read_folder(folder, Ingest.model_validate(fields), readings=readings)

    return look


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock is ahead by more than the time for which a fresh file is not relied on."""
    now = time.time
    monkeypatch.setattr("rag.ingest.readings.time.time", lambda: now() + SETTLED + 1)


def some_files(write: Write) -> None:
    write("a.md", "---\nlanguage: de\n---\n# Titel\n\nEin Satz.")
    write("b/c.txt", "Plain words about the retrieval of passages from an index.")
    write("b/d.html", "<html><body><h1>Page</h1><p>Words of a page about adapters and prompts.</p></body></html>")
    write("rows.jsonl", '{"text": "One row of text about rivers and lakes."}\nnot json\n{"text": "Вторая строка о реках и озёрах."}\n')
    write("code.py", '"""Loads the model and counts its weights for everyone."""\n\ndef load():\n    return 1\n')
    write("empty.md", b"")
    write("latin.txt", "Größe und Gewicht der Äpfel".encode("latin-1"))


@pytest.mark.usefixtures("later")
def test_a_folder_read_again_is_the_same_and_nothing_is_opened(
    write: Write, again: Again, ingest: Callable[..., Ingested], monkeypatch: pytest.MonkeyPatch
) -> None:
    some_files(write)
    first = again()
    fresh = ingest()
    opened: list[Path] = []

    def counting(file: Path, most: float) -> bytes:
        opened.append(file)
        return original(file, most)

    original = read_bytes
    monkeypatch.setattr(folders, "read_bytes", counting)
    second = again()
    assert [file.name for file in opened] == ["empty.md"]  # what could not be used is tried again
    assert (first.read, second.read) == (6, 0)
    for ingested in (first, second):
        assert (ingested.documents, ingested.problems, ingested.duplicates) == (fresh.documents, fresh.problems, fresh.duplicates)


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("replaced", [False, True])
def test_a_changed_file_is_read_again(replaced: bool, write: Write, again: Again, ingest: Callable[..., Ingested]) -> None:
    some_files(write)
    again()
    if replaced:
        (write("b/new", "Sank words about the retrieval of passages from an index.")).replace(write("b/c.txt"))
    else:
        write("b/c.txt", "Sank words about the retrieval of passages from an index.")  # as long as before
    after = again()
    assert after.read == 1
    assert after.documents == ingest().documents


@pytest.mark.usefixtures("later")
def test_times_put_back_do_not_hide_a_change_of_the_same_size(write: Write, again: Again) -> None:
    file = write("a.txt", "Ten apples lie on the table of the kitchen.")
    times = (file.stat().st_atime_ns, file.stat().st_mtime_ns)
    again()
    time.sleep(0.02)  # the clock of a disk ticks in steps
    file.write_text("Six apples lie on the table of the kitchen.")
    os.utime(file, ns=times)
    assert again().documents[0].text.startswith("Six")


def test_a_file_changed_in_the_very_moment_of_reading_is_compared_by_its_content(write: Write, again: Again) -> None:
    file = write("a.txt", "Ten apples lie on the table of the kitchen.")
    again()
    file.write_text("Six apples lie on the table of the kitchen.")
    assert again().documents[0].text.startswith("Six")
    assert again().read == 0


@pytest.mark.usefixtures("later")
def test_a_touched_or_copied_file_is_compared_once_and_not_parsed(write: Write, again: Again, monkeypatch: pytest.MonkeyPatch) -> None:
    some_files(write)
    before = again()
    for file in (write("b/c.txt").parent).iterdir():
        file.touch()
    write("b/c.txt", "Plain words about the retrieval of passages from an index.")
    assert again().documents == before.documents
    after = again()
    assert (after.read, after.documents) == (0, before.documents)


def test_files_that_went_are_forgotten(write: Write, again: Again, tmp_path: Path) -> None:
    some_files(write)
    again()
    (tmp_path / "corpus" / "b" / "c.txt").unlink()
    assert "b/c.txt" not in {document.path for document in again().documents}
    with Readings(tmp_path / "readings.db", maker=str({})) as readings:
        assert not readings.unchanged("b/c.txt", Seen("", sha256(b"Plain words about the retrieval of passages from an index.").digest()))
        assert readings.unchanged("a.md", Seen("", sha256((tmp_path / "corpus" / "a.md").read_bytes()).digest()))


def test_what_another_reader_read_does_not_count(write: Write, again: Again) -> None:
    some_files(write)
    assert again().read == again(max_file_mb=7).read == 6


@pytest.mark.usefixtures("later")
def test_the_language_of_a_remembered_document_still_follows_the_corpus(
    write: Write, again: Again, ingest: Callable[..., Ingested]
) -> None:
    for number in range(60):
        write(f"{number:02}.txt", f"The quick report number {number} tells about rivers, lakes and the weather of the season.")
    write("odd.txt", "Lorem ipsum dolor sit amet")
    again()
    for number in range(30):
        (write(f"{number:02}.txt")).write_text(f"Отчёт номер {number} рассказывает о реках, озёрах и о погоде этого времени года.")
    assert again().documents == ingest().documents


@pytest.mark.parametrize("damage", [b"not a database at all, however long it may be " * 200, b""])
def test_damaged_readings_are_made_again(damage: bytes, write: Write, again: Again, tmp_path: Path) -> None:
    some_files(write)
    before = again()
    (tmp_path / "readings.db").write_bytes(damage)
    after = again()
    assert (after.read, after.documents) == (6, before.documents)


texts = st.text(st.characters(), max_size=40)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(
    extracts=st.lists(
        st.builds(
            Extract,
            text=texts,
            title=texts,
            headings=st.lists(st.builds(Heading, st.integers(0, 99), st.integers(1, 6), texts), max_size=2).map(tuple),
            pages=st.lists(st.integers(0, 99), max_size=3).map(tuple),
            metadata=st.dictionaries(texts, texts, max_size=2),
        ),
        max_size=3,
    ),
    problems=st.lists(texts, max_size=2),
)
def test_a_reading_comes_back_as_it_was_kept(extracts: list[Extract], problems: list[str]) -> None:
    reading = Reading(tuple(extracts), ("en",) * len(extracts), tuple(problems))
    with Readings() as readings:
        readings.keep({"path": (Seen("stamp", b"digest"), reading)})
        assert readings.recall("path") == reading


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Paths of the files that are parsed from now on."""
    paths: list[str] = []
    original = read

    def counting(file: Path, data: bytes, *, path: str, **others: Any) -> Any:
        paths.append(path)
        return original(file, data, path=path, **others)

    monkeypatch.setattr(folders, "read", counting)
    yield paths


@pytest.mark.usefixtures("later")
def test_a_rebuild_reads_splits_and_asks_the_tokenizer_only_for_what_changed(
    write: Write, folder: Path, tmp_path: Path, parsed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Loading(HashEmbedder):
        loaded = 0

        def tokenizer(self) -> Any:
            self.loaded += 1
            return super().tokenizer()

    some_files(write)
    settings = Settings.model_validate({"home": tmp_path / "home", "corpus": folder, "embed": {"backend": "hash"}})
    first = build(settings)
    parsed.clear()
    embedder = Loading()
    assert build(settings, embedder=embedder).unchanged
    assert (parsed, embedder.loaded) == ([], 0)
    write("b/c.txt", "Other words about something else, which nobody has read before.")
    report = build(settings, embedder=embedder)
    assert (parsed, report.embedded, report.documents) == (["b/c.txt"], 1, first.documents)
    monkeypatch.setattr(building, "_code", lambda: "another reader")
    build(settings)
    assert len(parsed) == 1 + 6
