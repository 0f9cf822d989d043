"""Real files of each format, made where they are needed, and a tokenizer that needs no model."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from rag.embed.hashing import WordCounter
from rag.ingest.files import Unreadable, read_bytes
from rag.ingest.folder import Ingested, read_folder
from rag.ingest.readers import read
from rag.ingest.sandbox import Sandbox
from rag.settings import Ingest
from rag.types import Document

PARAGRAPH = "The adapter holds few weights, so it trains quickly and is stored in a small file. The base model stays as it was."


@pytest.fixture
def counter() -> WordCounter:
    return WordCounter()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    return corpus


@pytest.fixture
def write(folder: Path) -> Callable[[str, str | bytes], Path]:
    """write("sub/name.md", content) -> the file, in the corpus folder."""

    def make(name: str, content: str | bytes = PARAGRAPH) -> Path:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    return make


@pytest.fixture
def ingest(folder: Path) -> Callable[..., Ingested]:
    """ingest(max_file_mb=1) -> what the corpus folder holds."""
    return lambda **fields: read_folder(folder, Ingest.model_validate(fields))


@pytest.fixture
def document(write: Callable[[str, str | bytes], Path], ingest: Callable[..., Ingested]) -> Callable[[str, str | bytes], Document]:
    """document(name, content) -> the single document that is read from it."""

    def make(name: str, content: str | bytes) -> Document:
        write(name, content)
        (only,) = ingest().documents
        return only

    return make


@pytest.fixture
def problem(folder: Path) -> Callable[..., str]:
    """problem("x.md") -> why that file of the corpus folder cannot be read."""

    def of(name: str, **fields: object) -> str:
        with Sandbox() as sandbox, pytest.raises(Unreadable) as caught:
            settings = Ingest.model_validate(fields)
            data = read_bytes(folder / name, settings.max_file_mb)
            list(read(folder / name, data, path=name, settings=settings, sandbox=sandbox))
        assert "\n" not in caught.value.what
        return caught.value.what

    return of


def make_pdf(file: Path, pages: list[str], *, title: str = "", sections: dict[int, str] | None = None, password: str = "") -> None:
    """A PDF with a text per page; `sections`: page index -> bookmark."""
    from fpdf import FPDF

    pdf = FPDF()
    pdf.set_title(title)
    pdf.set_font("Helvetica", size=12)
    if password:
        pdf.set_encryption(owner_password=password, user_password=password)
    for number, text in enumerate(pages):
        pdf.add_page()
        if sections and number in sections:
            pdf.start_section(sections[number])
        pdf.multi_cell(0, 8, text)
    pdf.output(str(file))


def make_docx(file: Path) -> None:
    """A Word file with a title, headings, a list, a table and a tracked deletion that must not be read."""
    import docx

    document = docx.Document()
    document.core_properties.title = "Travel expenses"
    document.add_heading("Travel expenses", 0)
    document.add_paragraph("Who travels for work is paid back.")
    document.add_heading("Trains", 1)
    document.add_paragraph("Second class is paid.")
    document.add_paragraph("Keep the ticket", style="List Bullet")
    document.add_heading("Night trains", 2)
    table = document.add_table(rows=2, cols=2)
    for cell, words in zip(
        (*table.rows[0].cells, *table.rows[1].cells), ("Distance", "Class", "over 500 km", "first | sleeper"), strict=True
    ):
        cell.text = words
    document.add_paragraph("Ask before you book.")
    document.save(str(file))


def make_bomb(file: Path, *, unpacked: int = 400 * 2**20, stated: int | None = None) -> None:
    """A Word file whose body unpacks to `unpacked` bytes; `stated`: the size that the zip directory claims instead."""
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive,
        archive.open("word/document.xml", "w", force_zip64=True) as body,
    ):
        for _ in range(unpacked // 2**20):
            body.write(b" " * 2**20)
    if stated is not None:
        data = bytearray(file.read_bytes())
        entry = data.rindex(b"PK\x01\x02")
        data[entry + 24 : entry + 28] = struct.pack("<I", stated)
        file.write_bytes(bytes(data))
