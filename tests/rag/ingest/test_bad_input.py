"""Each bad file is named in one line, and the rest is read."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from rag.ingest.extract import Extract
from rag.ingest.files import Unreadable
from rag.ingest.folder import Ingested
from rag.ingest.readers import PARSED, read
from rag.ingest.sandbox import Sandbox
from rag.ingest.worker import answer
from rag.settings import Ingest
from tests.rag.ingest.conftest import make_bomb, make_docx, make_pdf

Write = Callable[..., Path]
PROBLEM = Callable[..., str]
ENTITIES = "".join(f'<!ENTITY {b} "&{a};&{a};">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
BILLION_LAUGHS = f'<!DOCTYPE x [<!ENTITY a "ha">{ENTITIES}]>'


def test_a_broken_file_is_named_and_the_rest_is_indexed(folder: Path, write: Write, ingest: Callable[..., Ingested]) -> None:
    write("good.md")
    write("zero.md", b"")
    write("blank.txt", " \n\t\n")
    write("broken.pdf", b"%PDF-1.7 and then nothing")
    write("not.pdf", "plain words")
    write("pdf.txt", b"%PDF-1.7\n...")
    write("not.docx", b"PK\x03\x04 and nonsense")
    write("notes.bin2", bytes(range(256)) * 20)
    write("front.md", "---\ntitle: Only this\n---\n")
    write("head.csv", "a,b\n")
    with (folder / "sparse.txt").open("wb") as stream:
        stream.truncate(200 * 2**20)
    found = ingest()
    assert [document.path for document in found.documents] == ["good.md"]
    expected = {
        "zero.md": "empty file",
        "blank.txt": "no text in it, only blanks",
        "broken.pdf": "broken PDF",
        "not.pdf": "not a PDF (starts with b'plai')",
        "pdf.txt": "wrong extension? The content is not text (looks like pdf)",
        "not.docx": "broken Word document",
        "notes.bin2": "binary data, not text",
        "front.md": "no text below the front matter",
        "head.csv": "a table without rows",
        "sparse.txt": "too large: 200 MB (ingest.max_file_mb is 50)",
    }
    problems = {problem.path: problem.what for problem in found.problems}
    assert problems.keys() == expected.keys()
    for path, start in expected.items():
        assert problems[path].startswith(start) and "\n" not in problems[path], problems[path]


def test_a_zip_bomb_renamed_docx_is_refused_by_the_size_it_states(folder: Path, problem: PROBLEM) -> None:
    make_bomb(folder / "bomb.docx")
    assert problem("bomb.docx") == "zip bomb? Unpacks to 400 MB (limit 200 MB)"


def test_a_zip_bomb_that_lies_about_its_size_is_refused_too(folder: Path, problem: PROBLEM) -> None:
    make_bomb(folder / "bomb.docx", stated=100)
    assert "broken Word document" in problem("bomb.docx")


def test_a_word_file_with_entities_is_refused(folder: Path, problem: PROBLEM) -> None:
    with zipfile.ZipFile(folder / "laughs.docx", "w") as archive:
        archive.writestr("word/document.xml", f"<?xml version='1.0'?>{BILLION_LAUGHS}<x>&i;</x>")
    assert "forbidden XML" in problem("laughs.docx")


def test_a_truncated_word_file_is_broken(folder: Path, problem: PROBLEM) -> None:
    make_docx(folder / "whole.docx")
    data = (folder / "whole.docx").read_bytes()
    (folder / "half.docx").write_bytes(data[: len(data) // 2])
    assert problem("half.docx").startswith("broken Word document")


def test_an_old_or_protected_word_file_says_which(folder: Path, write: Write, problem: PROBLEM) -> None:
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600
    write("old.doc", ole)
    write("locked.docx", ole + "EncryptedPackage".encode("utf-16-le"))
    assert problem("old.doc") == "old Word format (.doc); save it as .docx"
    assert problem("locked.docx") == "password-protected Word document"


def test_a_protected_pdf_says_so(folder: Path, problem: PROBLEM) -> None:
    make_pdf(folder / "locked.pdf", ["secret"], password="word")
    assert problem("locked.pdf") == "password-protected PDF"


@pytest.mark.slow  # LlamaIndex takes seconds to import
def test_a_pdf_of_pictures_asks_for_ocr(folder: Path, problem: PROBLEM) -> None:
    make_pdf(folder / "scan.pdf", ["", ""])
    assert problem("scan.pdf") == "no text on any of its 2 pages; scanned? run OCR first"


def test_a_yaml_bomb_in_the_front_matter_stays_folded(write: Write, ingest: Callable[..., Ingested]) -> None:
    aliases = "".join(f"{b}: &{b} [{','.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    write("bomb.md", f"---\na: &a [x, x]\n{aliases}---\nText.")
    (document,) = ingest().documents
    assert document.metadata == {"a": "x, x"}


def test_a_reader_that_hangs_is_stopped_and_the_next_file_is_read(folder: Path, write: Write) -> None:
    page = write("page.html", "<p>words</p>")
    with Sandbox(starting=0) as sandbox:
        with pytest.raises(Unreadable, match="stopped after 1 s"):
            sandbox.read("tests.rag.ingest.bad_readers:hang", page, seconds=1)
        with pytest.raises(Unreadable, match=r"crashed \(exit code 3"):
            sandbox.read("tests.rag.ingest.bad_readers:crash", page, seconds=30)
        with pytest.raises(Unreadable, match="needs more than 4 GB"):
            sandbox.read("tests.rag.ingest.bad_readers:gorge", page, seconds=30)
        with pytest.raises(Unreadable, match="cannot be read: ValueError: strange bytes"):
            sandbox.read("tests.rag.ingest.bad_readers:fail", page, seconds=30)
        (extract,) = sandbox.read(PARSED["html"], page, seconds=30)
    assert extract.text == "words\n\n"


@hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(
    suffix=st.sampled_from(["md", "txt", "csv", "tsv", "jsonl", "json", "py", "html", "docx", "rtf", "xyz"]),
    data=st.binary(min_size=1, max_size=200),
)
@example(suffix="md", data=b"---\n? [a]\n---\nx")
@example(suffix="json", data=b"[" * 100_000)
@example(suffix="csv", data=b'"')
@example(suffix="html", data=b"<b>" * 5000 + b"x")
@example(suffix="html", data=b"<![foo")
def test_any_bytes_under_any_extension_are_read_or_named(tmp_path: Path, suffix: str, data: bytes) -> None:
    file = tmp_path / f"file.{suffix}"
    file.write_bytes(data)
    if suffix in PARSED:  # the same function as in the child process, without starting one
        reply = answer(PARSED[suffix], file)
        assert reply.keys() <= {"extracts", "problem"} and "\n" not in str(reply.get("problem", ""))
        return
    try:
        with Sandbox() as sandbox:
            for each in read(file, file.read_bytes(), path=file.name, settings=Ingest(), sandbox=sandbox):
                assert not isinstance(each, Extract) or each.text.encode("utf-8")
    except Unreadable as exc:
        assert "\n" not in exc.what
