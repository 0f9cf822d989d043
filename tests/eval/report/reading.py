"""Reads a page as a browser would: its tags with their attributes, its text, its style sheets."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "img", "hr", "input", "base"}


@dataclass
class Tag:
    name: str
    attributes: dict[str, str]
    inside: tuple[str, ...]
    text: str = ""


@dataclass
class Document(HTMLParser):
    """`tags` in their order; `words`: all text, piece by piece; `balanced` is False as soon as one is closed that was not open."""

    tags: list[Tag] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    style: str = ""
    balanced: bool = True

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[Tag] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = Tag(tag, {name: value or "" for name, value in attrs}, tuple(each.name for each in self._open))
        self.tags.append(found)
        if tag not in VOID:
            self._open.append(found)

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1].name != tag:
            self.balanced = False
        else:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1].name == "style":
            self.style += data
            return
        self.words.append(data)
        for each in self._open:
            each.text += data

    def named(self, name: str) -> list[Tag]:
        return [tag for tag in self.tags if tag.name == name]

    @property
    def text(self) -> str:
        return next(tag.text for tag in self.tags if tag.name == "body")


def read(page: str) -> Document:
    document = Document()
    document.feed(page)
    document.close()
    return document
