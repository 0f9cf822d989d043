"""Markdown: front matter, headings, and where fenced code begins and ends. One pass over the lines, whatever they hold."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rag.ingest.extract import Extract
from rag.types import Heading

FENCE = re.compile(r"[ \t]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?(?P<mark>`{3,}(?=[^`\n]*$)|~{3,})")
ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*$")
NOT_A_PARAGRAPH = re.compile(r" {0,3}(?:[-*+>|]|\d{1,9}[.)][ \t])|    |\t|\s*$|\s*\|?\s*:?-+:?\s*\|")
FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
KEY_VALUE = re.compile(r"^([\w-]+):[ \t]*(.*)$")
MARKUP = re.compile(r"!?\[([^\]\[]*)\]\([^)\n]*\)|\[\[[^\]]*\]\]|\{#[\w-]+\}|<[^>\n]*>|[*`]+")
MAX_FRONT_MATTER = 64 * 1024
MAX_HEADING = 1000  # characters of a line; some of the patterns are quadratic in it


def read(text: str) -> Extract:
    """Front matter becomes metadata (title and language are taken out of it) and leaves the text."""
    metadata, start = front_matter(text)
    body = text[start:].lstrip("\n")
    found = tuple(headings(body))
    title = metadata.pop("title", "") or next((heading.text for heading in found if heading.level == 1), "")
    return Extract(body, title, metadata.pop("lang", "") or metadata.pop("language", ""), found, metadata=metadata)


def front_matter(text: str) -> tuple[dict[str, str], int]:
    """The scalars and lists of scalars of a YAML header as text, and where the body starts.

    A header that is not valid YAML is read line by line, because an unquoted colon in a title is common.
    """
    match = FRONT_MATTER.match(text[: MAX_FRONT_MATTER + 8])
    if not match:
        return {}, 0
    import yaml

    try:
        loaded = yaml.safe_load(match[1])
    except (yaml.YAMLError, ValueError, RecursionError):
        pairs = [KEY_VALUE.match(line) for line in match[1].splitlines() if line.strip() and not line.startswith(("#", " ", "-"))]
        loaded = {pair[1]: pair[2].strip("\"' ") for pair in pairs if pair} if all(pairs) else None
    if not isinstance(loaded, dict):
        return {}, (match.end() if loaded is None and not match[1].strip() else 0)
    return {str(key): value for key, raw in loaded.items() if (value := _scalar(raw))}, match.end()


def headings(text: str) -> Iterator[Heading]:
    """ATX (## words) and setext (words, underlined) headings outside of code fences, as CommonMark has them."""
    previous: tuple[int, str] | None = None  # a paragraph that would be a heading if it were underlined
    for start, line, fenced in lines(text):
        if fenced or len(line) > MAX_HEADING:
            previous = None
        elif atx := ATX.match(line):
            previous = None
            if words := plain(atx[2] or ""):
                yield Heading(start, len(atx[1]), words)
        elif previous and (underline := SETEXT.match(line)):
            if words := plain(previous[1]):
                yield Heading(previous[0], 1 if underline[1][0] == "=" else 2, words)
            previous = None
        elif NOT_A_PARAGRAPH.match(line):
            previous = None
        else:
            previous = (start, line) if previous is None else (previous[0], f"{previous[1]} {line.strip()}"[:MAX_HEADING])


def lines(text: str) -> Iterator[tuple[int, str, int]]:
    """(offset, line without its end, number of the code fence it belongs to - its two marks included - or 0)."""
    start, opened, count = 0, "", 0
    for line in text.split("\n"):
        mark = FENCE.match(line)
        if opened:
            yield start, line, count
            closing = line.strip()
            if len(closing) >= len(opened) and closing == opened[0] * len(closing):
                opened = ""
        else:
            opened = mark["mark"] if mark else ""
            count += bool(opened)
            yield start, line, count if opened else 0
        start += len(line) + 1


def plain(words: str) -> str:
    """A heading without its markup: links keep their words, anchors and tags go."""
    return " ".join(MARKUP.sub(r"\1", words).split())


def _scalar(value: object) -> str:
    """Text of a scalar or a list of scalars; anything nested is left out (an alias bomb stays folded)."""
    if isinstance(value, list):
        return ", ".join(str(item) for item in value[:1000] if isinstance(item, (str, int, float)))
    return "" if value is None or isinstance(value, (dict, set, tuple)) else str(value).strip()
