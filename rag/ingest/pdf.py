"""PDF, read by LlamaIndex page by page; the document's outline gives the headings."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from rag.ingest.encoding import clean
from rag.ingest.extract import Extract
from rag.ingest.files import Unreadable
from rag.types import Heading

BETWEEN_PAGES = "\n\n"


def read(file: Path) -> list[Extract]:
    """Raises Unreadable for what is broken, encrypted, or has no text on any page."""
    import pypdf
    from tenacity import RetryError

    logging.getLogger("pypdf").setLevel(logging.ERROR)
    with file.open("rb") as stream:
        head = stream.read(1024)
    if b"%PDF-" not in head:
        raise Unreadable(f"not a PDF (starts with {head[:4]!r})")
    try:
        reader = pypdf.PdfReader(str(file))
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable("password-protected PDF")
        len(reader.pages)  # a broken file shows here, before the slow import
        from llama_index.readers.file.docs import PDFReader

        pages = [clean(page.text).strip() for page in PDFReader().load_data(file)]
        title, outline = _title(reader), _outline(reader)
    except RetryError as exc:
        raise Unreadable(_broken(exc.last_attempt.exception() or exc)) from exc
    except (MemoryError, Unreadable):
        raise
    except Exception as exc:  # a damaged file can raise anything from pypdf
        raise Unreadable(_broken(exc)) from exc
    if not any(pages):
        raise Unreadable(f"no text on any of its {len(pages)} pages; scanned? run OCR first")
    starts, length = [], 0
    for page in pages:
        starts.append(length)
        length += len(page) + len(BETWEEN_PAGES)
    text = BETWEEN_PAGES.join(pages)
    found = tuple(Heading(_position(text, words, page, starts), level, words) for page, level, words in outline if page < len(starts))
    return [Extract(text, title, headings=tuple(sorted(found, key=lambda heading: heading.start)), pages=tuple(starts))]


def _broken(exc: BaseException) -> str:
    words = " ".join(str(exc).split()) or type(exc).__name__
    if "decrypted" in words:
        return "password-protected PDF"
    return f"broken PDF: {words}"[:200]


def _title(reader: Any) -> str:
    try:
        return " ".join(clean(str((reader.metadata or {}).get("/Title") or "")).split())
    except Exception:  # the title is a comfort; a damaged info dictionary must not cost the text
        return ""


def _outline(reader: Any) -> list[tuple[int, int, str]]:
    """(page index, level, words) of each bookmark. A damaged outline costs the headings, not the text."""
    found: list[tuple[int, int, str]] = []

    def collect(items: Any, level: int) -> None:
        for item in items:
            if isinstance(item, list):
                collect(item, level + 1)
            elif words := " ".join(clean(str(item.title or "")).split()):
                page = reader.get_destination_page_number(item)
                if page is not None and page >= 0:
                    found.append((page, min(level, 6), words))

    try:
        collect(reader.outline, 1)
    except Exception:
        return []
    return found


def _position(text: str, words: str, page: int, starts: list[int]) -> int:
    """Where the bookmark's words stand on their page, or the top of the page when they are worded otherwise."""
    end = starts[page + 1] if page + 1 < len(starts) else len(text)
    at = text.find(words, starts[page], end)
    return at if at >= 0 else starts[page]
