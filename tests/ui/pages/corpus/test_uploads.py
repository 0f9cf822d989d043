"""Uploads: harmless names, checked content, nothing overwritten, nothing outside the folder."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import InputError
from rag.ingest.files import walk
from ui.pages.corpus import uploads
from ui.pages.corpus.uploads import LONGEST, safe_name, take, unfit

PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40


def given_file(tmp_path: Path, name: str, data: bytes) -> Path:
    folder = tmp_path / "given"
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_bytes(data)
    return file


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("notes.md", "notes.md"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\windows\\system.ini", "system.ini"),
        ("/abs/olute.txt", "olute.txt"),
        ("a<script>alert(1)</script>.md", "script_.md"),
        ('quo"te\'s & co.txt', "quo_te_s & co.txt"),
        (".atlasignore", "atlasignore"),
        (".hidden.md", "hidden.md"),
        ("~$locked.docx", "locked.docx"),
        ("backup.txt~", "backup.txt"),
        ("evil\u202etxt.exe", "eviltxt.exe"),
        ("nul\0byte\x1b[31m.md", "nulbyte.md"),
        ("Отчёт за март.md", "Отчёт за март.md"),
        ("e\u0301tude.txt", "\u00e9tude.txt"),
        ("line\nbreak.txt", "line break.txt"),
        ("...", ""),
        ("", ""),
        ("/", ""),
        ("__.md", "md"),
    ],
)  # fmt: skip
def test_names_are_made_harmless(given_name: str, kept: str) -> None:
    assert safe_name(given_name) == kept


@given(st.text(max_size=400))
def test_no_name_leaves_its_folder_hides_or_is_too_long(name: str) -> None:
    kept = safe_name(name)
    assert "/" not in kept and "\\" not in kept and not kept.startswith((".", "~")) and "\0" not in kept
    assert len(kept.encode()) <= LONGEST and kept == kept.strip()
    assert safe_name(kept) == kept


def test_files_are_kept_whole_and_are_readable_by_a_build(tmp_path: Path) -> None:
    folder = tmp_path / "uploads"
    (taken,) = take([given_file(tmp_path, "a b.md", b"# One\n\nText.\n")], folder, limit_mb=1)
    assert (taken.saved, taken.why, taken.same) == ("a b.md", None, False)
    assert (folder / "a b.md").read_bytes() == b"# One\n\nText.\n"
    assert walk(folder).paths == ("a b.md",) and [each.name for each in folder.iterdir()] == ["a b.md"]


def test_nothing_is_overwritten_and_the_new_name_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "uploads"
    for text, saved, same in ((b"one", "a.md", False), (b"two", "a-2.md", False), (b"one", "a.md", True), (b"two", "a-2.md", True)):
        (taken,) = take([given_file(tmp_path, "a.md", text)], folder, limit_mb=1)
        assert (taken.saved, taken.same) == (saved, same)
    assert (folder / "a.md").read_bytes() == b"one" and (folder / "a-2.md").read_bytes() == b"two"


def test_a_link_in_the_folder_is_not_written_through(tmp_path: Path) -> None:
    folder, outside = tmp_path / "uploads", tmp_path / "outside.md"
    folder.mkdir()
    outside.write_text("mine")
    (folder / "a.md").symlink_to(outside)
    (taken,) = take([given_file(tmp_path, "a.md", b"theirs")], folder, limit_mb=1)
    assert taken.saved == "a-2.md" and outside.read_text() == "mine"
    assert uploads.listed(folder) == [("a-2.md", 6)]


def test_size_number_and_emptiness_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "uploads"
    big, empty = given_file(tmp_path, "big.txt", b"x" * 2100), given_file(tmp_path, "empty.txt", b" \n")
    assert [each.why for each in take([big, empty], folder, limit_mb=0.002)] == ["large", "empty"]
    monkeypatch.setattr(uploads, "MOST", 1)
    fine = given_file(tmp_path, "fine.txt", b"text")
    assert [each.why for each in take([fine, fine], folder, limit_mb=1)] == [None, "many"]
    assert [name for name, _ in uploads.listed(folder)] == ["fine.txt"]


def _zip(name: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(name, "x")
    return made.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("a.pdf", PDF, None),
        ("a.pdf", b"just text", "content"),
        ("a.md", PDF, "content"),
        ("a.txt", PNG, "content"),
        ("a.png", PNG, "kind"),
        ("a.exe", b"MZ text", "kind"),
        ("a.zip", _zip("x"), "kind"),
        ("a.doc", b"\xd0\xcf\x11\xe0", "kind"),
        ("a.txt", _zip("x"), "content"),
        ("a.docx", b"text", "content"),
        ("a.docx", _zip("word/document.xml"), None),
        ("a.rtf", b"{\\rtf1 hello}", None),
        ("a.html", b"<!doctype html><p>hello", None),
        ("a.py", b"print(1)", None),
        ("a.txt", "кириллица".encode("cp1251") * 20, None),
        ("a.txt", bytes(range(256)) * 20, "binary"),
        ("README", b"plain words", None),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", None),
    ],
)
def test_the_content_has_to_be_what_the_name_says(name: str, data: bytes, why: str | None) -> None:
    refused = unfit(name, data)
    assert (refused[0] if refused else None) == why


@pytest.mark.parametrize("name", ["", "..", "../outside.md", "missing.md", "/etc/passwd", ".part", "folder", "link.md"])
def test_only_an_uploaded_file_can_be_removed(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "uploads"
    (folder / "folder").mkdir(parents=True)
    (tmp_path / "outside.md").write_text("mine")
    (folder / ".part").write_text("x")
    (folder / "link.md").symlink_to(tmp_path / "outside.md")
    with pytest.raises(InputError, match="no uploaded file"):
        uploads.remove(folder, name)
    assert (tmp_path / "outside.md").read_text() == "mine"


def test_a_removed_file_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "uploads"
    take([given_file(tmp_path, "a.md", b"text")], folder, limit_mb=1)
    uploads.remove(folder, "a.md")
    assert uploads.listed(folder) == []
