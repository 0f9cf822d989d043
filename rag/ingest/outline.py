"""Where in the outline a character stands: the headings above it, and the header that a chunk beginning there gets."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from rag.ingest.sentences import TokenCounter
from rag.types import Document, Heading

BETWEEN = " > "


class Outline:
    """The sections of one document. A section begins at each heading and ends at the next one of any level."""

    def __init__(self, document: Document, tokenizer: TokenCounter, limit: int) -> None:
        """`limit`: tokens that a header may take."""
        self._title = document.title
        self._tokenizer = tokenizer
        self._limit = limit
        self._headings = sorted(document.headings, key=lambda heading: heading.start)
        self._unshown = {each for each in self._headings if document.media == "pdf" and not document.text.startswith(each.text, each.start)}
        self._starts = [heading.start for heading in self._headings]
        self._paths: list[tuple[Heading, ...]] = [()]
        for heading in self._headings:
            above = tuple(each for each in self._paths[-1] if each.level < heading.level)
            self._paths.append((*above, heading))
        self._headers: dict[tuple[str, ...], str] = {}

    def section(self, offset: int) -> int:
        """Number of the section that holds a character; 0 is what stands before the first heading."""
        return bisect_right(self._starts, offset)

    def path(self, section: int) -> tuple[Heading, ...]:
        """The section's own heading and those above it, the highest first."""
        return self._paths[section]

    def words(self, offset: int) -> str:
        """ "title > heading > subheading" of a character; a heading belongs to its own section."""
        return BETWEEN.join(self._words(self.path(self.section(offset))))

    def header(self, start: int, end: int) -> str:
        """What must be said above a chunk [start, end): title and headings that do not stand in the chunk itself."""
        above = tuple(heading for heading in self.path(self.section(start)) if heading.start < start or heading in self._unshown)
        words = self._words(above)
        if words[:1] == (self._title,) and any(_same(self._title, heading.text) for heading in self._inside(start, end)):
            words = words[1:]
        if words not in self._headers:
            self._headers[words] = self._shortened(words)
        return self._headers[words]

    def _inside(self, start: int, end: int) -> list[Heading]:
        return self._headings[bisect_left(self._starts, start) : bisect_left(self._starts, end)]

    def _words(self, path: tuple[Heading, ...]) -> tuple[str, ...]:
        words = tuple(heading.text for heading in path if heading.text)
        titled = not self._title or any(_same(self._title, each) for each in words)
        return words if titled else (self._title, *words)

    def _shortened(self, words: tuple[str, ...]) -> str:
        """Within the limit: the title and the last heading are kept longest, then the words are cut."""
        while len(words) > 1 and self._tokenizer.count(BETWEEN.join(words)) > self._limit:
            words = (words[0], *words[2:]) if len(words) > 2 else words[1:]
        header = BETWEEN.join(words)
        while header and self._tokenizer.count(header) > self._limit:
            spans = self._tokenizer.spans(header)
            header = header[: min(spans[min(self._limit, len(spans) - 1)][0], len(header) - 1)].rstrip()
        return header


def _same(one: str, other: str) -> bool:
    return one.casefold().split() == other.casefold().split()
