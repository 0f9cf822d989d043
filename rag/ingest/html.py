"""HTML to text that keeps its structure: headings, lists, tables as Markdown rows, preformatted text as fences."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from rag.ingest.encoding import clean, decode
from rag.ingest.extract import Extract
from rag.ingest.files import Unreadable
from rag.types import Heading

if TYPE_CHECKING:
    from bs4.element import PageElement, Tag

SKIP = frozenset(["script", "style", "noscript", "template", "svg", "iframe", "object", "nav", "head", "button", "select", "dialog"])
BLOCKS = frozenset(
    [
        *("address", "article", "aside", "blockquote", "dd", "details", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "ol", "p", "pre", "section", "summary", "table", "tr", "ul"),
    ]
)
HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
META_CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([\w-]+)", re.IGNORECASE)


def read(file: Path) -> list[Extract]:
    """Scripts, navigation and elements that are hidden from the reader are left out. Raises Unreadable."""
    from bs4 import BeautifulSoup

    data = file.read_bytes()
    soup = BeautifulSoup(_decode(data), "html.parser")
    writer = _Writer()
    writer.walk(soup)
    text = writer.text()
    if not text.strip():
        raise Unreadable("no text in the page (is it made by a script?)")
    title = soup.title.get_text(" ", strip=True) if soup.title else ""
    found = tuple(heading for heading in writer.headings if heading.text)
    title = title or next((heading.text for heading in found if heading.level == 1), "")
    language = str(soup.html.get("lang") or "") if soup.html else ""
    return [Extract(text, clean(title), language, found)]


class _Writer:
    """Collects text; knows how many characters it has written, so that headings get their offsets."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.length = 0
        self.headings: list[Heading] = []
        self.pre = 0
        self.cells = 0

    def text(self) -> str:
        return "".join(self.parts)

    def write(self, words: str) -> None:
        if words:
            self.parts.append(words)
            self.length += len(words)

    def walk(self, root: Tag) -> None:
        """Depth first without recursion: a page may nest a hundred thousand elements."""
        stack: list[tuple[PageElement, bool]] = [(root, False)]
        while stack:
            element, done = stack.pop()
            name = getattr(element, "name", None)
            if name is None:
                if type(element).__name__ in ("NavigableString", "CData"):
                    self.words(str(element))
            elif done:
                self.leave(name)
            elif not _skipped(element):
                self.enter(name)
                stack.append((element, True))
                stack.extend((child, False) for child in reversed(element.contents))  # type: ignore[attr-defined]

    def words(self, raw: str) -> None:
        raw = clean(raw).replace("¶", "")  # the mark of a link to the heading itself
        if self.pre and not self.cells:
            self.write(raw)
            return
        words = " ".join(raw.split())
        if self.cells:
            words = words.replace("|", "\\|")
        if raw[:1].isspace() and not self.ends(" ", "\n"):
            self.write(" ")
        self.write(words)
        if words and raw[-1:].isspace():
            self.write(" ")

    def ends(self, *marks: str) -> bool:
        return not self.parts or self.parts[-1].endswith(marks)

    def enter(self, name: str) -> None:
        if self.cells and name not in ("td", "th"):
            if name in BLOCKS or name == "br":
                self.words(" ")
            return
        if name in BLOCKS:
            self.break_line(1 if name in ("li", "tr", "dt", "dd") else 2)
        if len(name) == 2 and name[0] == "h" and name[1].isdigit():
            self.headings.append(Heading(self.length, int(name[1]), ""))
        elif name == "li":
            self.write("- ")
        elif name == "pre":
            self.write("```\n")
            self.pre += 1
        elif name in ("td", "th"):
            self.write("| " if self.ends("\n") else " | ")
            self.cells += 1
        elif name == "br":
            self.write("\n")

    def leave(self, name: str) -> None:
        if name in ("td", "th"):
            self.cells -= 1
        elif self.cells:
            return
        elif name == "tr":
            self.write(" |")
        elif name == "pre":
            self.pre -= 1
            self.write("```" if self.ends("\n") else "\n```")
        if len(name) == 2 and name[0] == "h" and name[1].isdigit() and self.headings:
            started = self.headings[-1]
            words = " ".join(self.text()[started.start :].split()) if self.length - started.start < 10_000 else ""
            self.headings[-1] = Heading(started.start, started.level, words)
        if name in BLOCKS:
            self.break_line(1 if name in ("li", "tr", "dt", "dd") else 2)

    def break_line(self, count: int) -> None:
        """At least `count` line ends, none at the very start."""
        if not self.parts:
            return
        tail = (self.parts[-2] if len(self.parts) > 1 else "") + self.parts[-1]
        have = len(tail) - len(tail.rstrip("\n"))
        self.write("\n" * max(0, count - have))


def _skipped(element: PageElement) -> bool:
    name, attributes = element.name, element.attrs  # type: ignore[attr-defined]
    hidden = "hidden" in attributes or attributes.get("aria-hidden") == "true" or HIDDEN.search(str(attributes.get("style", "")))
    return bool(hidden) or name in SKIP


def _decode(data: bytes) -> str:
    """A charset that the page itself names wins over guessing, if the page can be read in it."""
    named = META_CHARSET.search(data[:4096])
    if named and not data.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        try:
            return clean(data.decode(named[1].decode("ascii")))
        except (LookupError, UnicodeDecodeError):
            return decode(data)[0]
    return decode(data)[0]
