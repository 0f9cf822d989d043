"""Which reader reads which file: by its suffix, and anything else as plain text if it is text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rag.ingest import code, markdown, tables
from rag.ingest.encoding import decode, looks_like
from rag.ingest.extract import Extract
from rag.ingest.files import Unreadable
from rag.ingest.sandbox import Sandbox
from rag.settings import Ingest

KINDS = {"md": "md markdown mdx qmd", "csv": "csv tsv", "jsonl": "jsonl ndjson", "json": "json"}
TEXT = {suffix: kind for kind, suffixes in KINDS.items() for suffix in suffixes.split()}
"""Suffix -> kind of file, for what is read in this process."""
PARSED = {
    "pdf": "rag.ingest.pdf:read",
    "docx": "rag.ingest.docx:read",
    "doc": "rag.ingest.docx:read",  # says what to do with it
    "html": "rag.ingest.html:read",
    "htm": "rag.ingest.html:read",
    "xhtml": "rag.ingest.html:read",
    "rtf": "rag.ingest.rtf:read",
}
"""Suffix -> "module:function" that takes a Path and returns extracts; run in the sandbox. A new format is a line here."""
OTHER_KINDS = (b"%PDF-", b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"{\\rtf", b"\x1f\x8b", b"\x89PNG", b"\xff\xd8\xff", b"\x7fELF")


def media(path: str) -> str:
    """The kind of a file by its name: md, txt, html, pdf, docx, csv, jsonl, rtf or code."""
    suffix = path.rpartition("/")[2].rpartition(".")[2].lower()
    if suffix in PARSED:
        return {"htm": "html", "xhtml": "html", "doc": "docx"}.get(suffix, suffix)
    if suffix in TEXT:
        return {"json": "jsonl"}.get(TEXT[suffix], TEXT[suffix])
    return "code" if suffix in code.SUFFIXES else "txt"


def read(file: Path, data: bytes, *, path: str, settings: Ingest, sandbox: Sandbox) -> Iterator[Extract | tuple[int, str]]:
    """The documents in a file that holds `data`, known as `path` in its corpus; (line, problem) for a bad line of a jsonl.

    Raises Unreadable when the file as a whole is bad.
    """
    suffix = path.rpartition("/")[2].rpartition(".")[2].lower()
    if suffix in PARSED:
        yield from sandbox.read(PARSED[suffix], file, seconds=settings.reader_seconds * (1 + len(data) / 2**20))
        return
    if data.startswith(OTHER_KINDS):
        raise Unreadable(f"wrong extension? The content is not text{looks_like(data)}")
    text, encoding = decode(data)
    if not text.strip():
        raise Unreadable("no text in it, only blanks")
    for extract in _extracts(text, path, suffix):
        if isinstance(extract, Extract) and encoding != "utf-8":
            extract = replace(extract, metadata={**extract.metadata, "encoding": encoding})
        yield extract


def _extracts(text: str, path: str, suffix: str) -> Iterator[Extract | tuple[int, str]]:
    kind = TEXT.get(suffix, "")
    records = _records(text) if kind == "json" else None
    if kind == "md":
        extract = markdown.read(text)
        if not extract.text.strip():
            raise Unreadable("no text below the front matter")
        yield extract
    elif kind == "csv":
        yield tables.read_csv(text, "\t" if suffix == "tsv" else "")
    elif kind == "jsonl":
        yield from tables.read_jsonl(text)
    elif records is not None:
        yield from (tables.record_extract(record, f"#{number}") for number, record in enumerate(records, 1))
    elif suffix in code.SUFFIXES:
        yield code.read(text, path, code.SUFFIXES[suffix])
    else:
        yield Extract(text)


def _records(text: str) -> list[object] | None:
    """The rows of a JSON file that is a list of objects; None for any other JSON, which is read like source code."""
    try:
        loaded = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return loaded if isinstance(loaded, list) and loaded and all(isinstance(row, dict) for row in loaded) else None
