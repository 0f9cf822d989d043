"""Word documents: paragraphs, headings by their style, tables as Markdown rows. Read as a stream, within a size limit."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from rag.ingest.encoding import clean
from rag.ingest.extract import Extract
from rag.ingest.files import Unreadable
from rag.types import Heading

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
DC_TITLE = "{http://purl.org/dc/elements/1.1/}title"
MAX_UNPACKED = 200 * 2**20
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
BODY = "word/document.xml"
ITEM = 10  # the "level" of a paragraph style that makes list items; headings have 1 to 9


def read(file: Path) -> list[Extract]:
    """Raises Unreadable for what is no Word file, is encrypted, or unpacks to more than `MAX_UNPACKED` bytes."""
    from defusedxml.common import DefusedXmlException  # type: ignore[import-untyped]
    from defusedxml.ElementTree import ParseError  # type: ignore[import-untyped]

    _refuse_other_kinds(file)
    try:
        with zipfile.ZipFile(file) as archive:
            _refuse_bombs(archive)
            names = set(archive.namelist())
            if BODY not in names:
                raise Unreadable("a zip file, but not a Word document (no word/document.xml)")
            levels = _heading_styles(archive) if "word/styles.xml" in names else {}
            body = _Body(levels)
            with archive.open(BODY) as stream:
                body.fill(stream)
            title = _title(archive) if "docProps/core.xml" in names else ""
    except (zipfile.BadZipFile, EOFError, NotImplementedError, OSError) as exc:
        raise Unreadable(f"broken Word document: {exc}"[:200]) from exc
    except RuntimeError as exc:  # zipfile: encrypted member
        raise Unreadable("password-protected Word document") from exc
    except (ParseError, DefusedXmlException) as exc:
        raise Unreadable(f"Word document with broken or forbidden XML: {type(exc).__name__} {exc}"[:200]) from exc
    text = "\n\n".join(body.blocks)
    if not text.strip():
        raise Unreadable("no text in the document (only pictures?)")
    return [Extract(text, clean(title) or body.title, headings=tuple(body.headings))]


@dataclass(slots=True)
class _Body:
    """Blocks of text in reading order; `levels` says which paragraph styles are headings (0 = the document's title) or list items."""

    levels: dict[str, int]
    blocks: list[str] = field(default_factory=list)
    headings: list[Heading] = field(default_factory=list)
    title: str = ""
    length: int = 0

    def fill(self, stream: IO[bytes]) -> None:
        """Streams the XML and forgets every finished paragraph and table. A table inside a table joins its cell."""
        depth = spare = 0  # inside how many tables; inside how many second versions (for old programs) of the same text
        rows: list[str] = []
        for event, element in _iterparse(stream):
            if element.tag == FALLBACK:
                spare += 1 if event == "start" else -1
                element.clear()
            elif spare:
                continue
            elif element.tag == W + "tbl":
                depth += 1 if event == "start" else -1
                if depth == 0:
                    self.add("\n".join(rows))
                    rows = []
                    element.clear()
            elif event == "end" and element.tag == W + "tr" and depth == 1:
                rows.append(_row(element))
                element.clear()
            elif event == "end" and element.tag == W + "p" and depth == 0:
                self.paragraph(element)
                element.clear()

    def paragraph(self, element: Any) -> None:
        words = _words(element)
        style = element.find(f"{W}pPr/{W}pStyle")
        level = self.levels.get(style.get(W + "val", ""), -1) if style is not None else -1
        if level == 0 and not self.title:
            self.title = " ".join(words.split())
        if 0 <= level < ITEM and words.strip():
            self.headings.append(Heading(self.length + (2 if self.blocks else 0), max(level, 1), " ".join(words.split())))
        elif words and (level == ITEM or element.find(f"{W}pPr/{W}numPr") is not None):
            words = f"- {words}"
        self.add(words)

    def add(self, block: str) -> None:
        if block.strip():
            self.length += len(block) + (2 if self.blocks else 0)
            self.blocks.append(block)


def _words(paragraph: Any) -> str:
    """All text of a paragraph that is not deleted: runs, hyperlinks, insertions, content controls."""
    parts = []
    for element in paragraph.iter():
        if element.tag == W + "t":
            parts.append(element.text or "")
        elif element.tag in (W + "tab", W + "br", W + "cr"):
            parts.append("\t" if element.tag == W + "tab" else "\n")
    return clean("".join(parts)).strip()


def _row(row: Any) -> str:
    cells = [" ".join(" ".join(_words(p) for p in cell.iter(W + "p")).split()).replace("|", "\\|") for cell in row.iter(W + "tc")]
    return f"| {' | '.join(cells)} |" if any(cells) else ""


def _iterparse(stream: IO[bytes]) -> Iterator[tuple[str, Any]]:
    from defusedxml.ElementTree import iterparse

    return iter(iterparse(stream, events=("start", "end"), forbid_dtd=True))


def _heading_styles(archive: zipfile.ZipFile) -> dict[str, int]:
    """Style id -> outline level (1 = top, 0 = title), or ITEM. Word keeps the English name of a built-in style in every language."""
    levels: dict[str, int] = {}
    parents: dict[str, str] = {}
    with archive.open("word/styles.xml") as stream:
        for event, style in _iterparse(stream):
            if event == "start" or style.tag != W + "style":
                continue
            key, name = style.get(W + "styleId", ""), style.find(W + "name")
            words = name.get(W + "val", "").lower() if name is not None else ""
            outline, parent = style.find(f"{W}pPr/{W}outlineLvl"), style.find(W + "basedOn")
            if words == "title":
                levels[key] = 0
            elif words.startswith("list "):
                levels[key] = ITEM
            elif words.startswith("heading ") and words[8:].isdigit():
                levels[key] = int(words[8:])
            elif outline is not None and outline.get(W + "val", "9").isdigit() and int(outline.get(W + "val", "9")) < 9:
                levels[key] = int(outline.get(W + "val")) + 1
            elif parent is not None:
                parents[key] = parent.get(W + "val", "")
    for key, above in parents.items():
        if above in levels and levels[above] > 0:
            levels.setdefault(key, levels[above])
    return levels


def _title(archive: zipfile.ZipFile) -> str:
    with archive.open("docProps/core.xml") as stream:
        titles = (element.text or "" for event, element in _iterparse(stream) if event == "end" and element.tag == DC_TITLE)
        return " ".join(next(titles, "").split())


def _refuse_other_kinds(file: Path) -> None:
    with file.open("rb") as stream:
        head = stream.read(8)
        if head == OLE:
            protected = "EncryptedPackage".encode("utf-16-le") in stream.read()
            raise Unreadable("password-protected Word document" if protected else "old Word format (.doc); save it as .docx")
    if not head.startswith(b"PK"):
        raise Unreadable(f"not a Word document (starts with {head[:4]!r})")


def _refuse_bombs(archive: zipfile.ZipFile) -> None:
    """The size that the zip directory states, and - because it may lie - the size that really comes out."""
    stated = sum(info.file_size for info in archive.infolist())
    unpacked = 0
    if stated <= MAX_UNPACKED:
        for name in (BODY, "word/styles.xml", "docProps/core.xml"):
            if name in archive.NameToInfo:
                with archive.open(name) as stream:
                    while (block := stream.read(2**20)) and unpacked <= MAX_UNPACKED:
                        unpacked += len(block)
    if max(stated, unpacked) > MAX_UNPACKED:
        raise Unreadable(f"zip bomb? Unpacks to {max(stated, unpacked) / 2**20:.0f} MB (limit {MAX_UNPACKED // 2**20} MB)")
