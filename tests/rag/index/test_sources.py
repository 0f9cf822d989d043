"""Uploads and added folders are part of the corpus from the next build on; the report of the last build is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.errors import InputError
from rag.index import report, sources, versions
from rag.index.build import build
from rag.index.opened import open_current
from rag.settings import Settings


@pytest.fixture
def written(settings: Settings, tmp_path: Path) -> Settings:
    settings = settings.model_copy(update={"corpus": tmp_path / "own"})
    _write(settings.corpus / "a.md", "# One\n\nThe first document speaks of ranks.\n")
    return settings


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def paths(settings: Settings) -> list[str]:
    index = open_current(versions.folder_of(settings), settings.index)
    return [each.path for each in index.listing()]


def test_uploads_are_indexed_under_their_own_name_and_leave_again(written: Settings) -> None:
    build(written)
    before = paths(written)
    _write(written.home / "uploads" / "b.md", "# Two\n\nAn uploaded document about quantisation.\n")
    assert build(written).documents == 2
    assert paths(written) == ["a.md", "uploads/b.md"]
    (written.home / "uploads" / "b.md").unlink()
    build(written)
    assert paths(written) == before == ["a.md"]


def test_added_folders_are_indexed_under_their_names_which_never_clash(written: Settings, tmp_path: Path) -> None:
    for place in ("x/my docs", "y/my docs"):
        _write(tmp_path / place / "c.txt", f"Text of {place} with words of its own.")
    assert sources.add(written.home, tmp_path / "x/my docs") == "my-docs"
    assert sources.add(written.home, tmp_path / "y/my docs") == "my-docs-2"
    assert sources.add(written.home, tmp_path / "x/my docs") == "my-docs"
    build(written)
    assert paths(written) == ["a.md", "my-docs-2/c.txt", "my-docs/c.txt"]
    sources.remove(written.home, "my-docs-2")
    build(written)
    assert paths(written) == ["a.md", "my-docs/c.txt"]


def test_the_folder_of_the_settings_can_be_left_out(written: Settings) -> None:
    sources.with_corpus(written.home, False)
    with pytest.raises(InputError, match="none is left"):
        build(written)
    _write(written.home / "uploads" / "b.md", "# Two\n\nAn uploaded document about quantisation.\n")
    build(written)
    assert paths(written) == ["uploads/b.md"]
    sources.with_corpus(written.home, True)
    build(written)
    assert paths(written) == ["a.md", "uploads/b.md"]


def test_a_folder_that_is_named_is_indexed_alone(written: Settings, tmp_path: Path) -> None:
    _write(written.home / "uploads" / "b.md", "# Two\n\nAn uploaded document about quantisation.\n")
    _write(tmp_path / "other" / "c.md", "# Three\n\nAnother folder.\n")
    build(written, corpus=tmp_path / "other")
    assert paths(written) == ["c.md"]


def test_a_copy_of_a_document_is_found_across_folders(written: Settings) -> None:
    _write(written.home / "uploads" / "copy.md", (written.corpus / "a.md").read_text())
    (twin,) = build(written).duplicates
    assert (twin.path, twin.of, twin.overlap) == ("uploads/copy.md", "a.md", 1.0)


def test_a_folder_that_went_away_is_a_problem_and_the_rest_is_indexed(written: Settings, tmp_path: Path) -> None:
    _write(tmp_path / "gone" / "c.md", "# Three\n\nText.\n")
    sources.add(written.home, tmp_path / "gone")
    (tmp_path / "gone" / "c.md").unlink()
    (tmp_path / "gone").rmdir()
    made = build(written)
    assert [problem.path for problem in made.problems] == ["gone"] and made.documents == 1


def test_a_path_that_is_there_twice_is_the_corpus_and_is_told(written: Settings) -> None:
    _write(written.corpus / "uploads" / "b.md", "# Ours\n\nText of the corpus.\n")
    _write(written.home / "uploads" / "b.md", "# Theirs\n\nText of an upload.\n")
    made = build(written)
    assert [problem.path for problem in made.problems] == ["uploads/b.md"]
    index = open_current(versions.folder_of(written), written.index)
    assert [document.title for document in index.documents()] == ["One", "Ours"]


def test_folders_that_hold_more_than_documents_are_refused(written: Settings, tmp_path: Path) -> None:
    written.home.mkdir(parents=True)
    for folder in (Path("/"), written.home, written.home.parent, written.home / "jobs", tmp_path / "missing", Path("relative")):
        with pytest.raises(InputError):
            sources.add(written.home, folder)
    with pytest.raises(InputError, match="No folder"):
        sources.remove(written.home, "nothing")
    assert sources.read(written.home) == sources.Sources()


def test_damaged_sources_are_an_error_not_an_empty_list(written: Settings) -> None:
    written.home.mkdir(parents=True)
    for text in ("{", "[]", '{"corpus": true}', '{"corpus": true, "added": []}'):
        (written.home / sources.FILE).write_text(text)
        with pytest.raises(InputError, match="damaged"):
            build(written)


def test_the_report_of_the_last_build_is_kept(written: Settings) -> None:
    folder = versions.folder_of(written)
    assert report.read(folder) is None
    _write(written.corpus / "empty.md", "")
    _write(written.corpus / "copy.md", (written.corpus / "a.md").read_text())
    made = build(written)
    kept = report.read(folder)
    assert kept is not None and kept[1] == made
    assert [problem.what for problem in kept[1].problems] == ["empty file"] and len(kept[1].duplicates) == 1
    again = build(written)
    kept = report.read(folder)
    assert again.unchanged and kept is not None and kept[1].unchanged and kept[1].problems == made.problems
    (folder / report.FILE).write_text("{")
    assert report.read(folder) is None


def test_the_list_of_documents_and_chunks_agrees_with_the_index(written: Settings) -> None:
    _write(written.corpus / "long.txt", " ".join(f"word{number}." for number in range(3000)))
    build(written)
    index = open_current(versions.folder_of(written), written.index)
    for listed, document in zip(index.listing(), index.documents(), strict=True):
        chunks = index.chunks_of(document.id)
        assert (listed.id, listed.path, listed.title, listed.language) == (document.id, document.path, document.title, document.language)
        assert (listed.characters, listed.chunks) == (len(document.text), len(chunks))
    lengths = [len(chunk.text) for document in index.documents() for chunk in index.chunks_of(document.id)]
    assert sorted(index.chunk_lengths()) == sorted(lengths) and len(lengths) == len(index)


def test_a_sample_is_the_same_for_the_same_seed_and_holds_the_chunks_own_vectors(written: Settings) -> None:
    _write(written.corpus / "long.txt", " ".join(f"word{number}." for number in range(3000)))
    build(written)
    index = open_current(versions.folder_of(written), written.index)
    chunks, vectors = index.sample(5, 0)
    again, _ = index.sample(5, 0)
    assert len(chunks) == len(vectors) == 5 and [chunk.id for chunk in chunks] == [chunk.id for chunk in again]
    assert (vectors == index.vectors([chunk.id for chunk in chunks])).all()
    assert len(index.sample(10_000, 0)[0]) == len(index)
