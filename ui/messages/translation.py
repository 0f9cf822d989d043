"""Finished English messages in the language of the page: looked up by their templates in *.ru.toml, their values kept."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING

from rag.errors import UserError

if TYPE_CHECKING:
    from ui.chat.text import Language

FOLDER = Path(__file__).parent
LONGEST = 4000
"""Characters of a line that is looked up; what is longer is no message of ours."""
FEWEST_LETTERS = 4
"""A template with less of its own ("{0}: {1}") says nothing by itself: it holds only around a message that is known."""
PART_END = re.compile(r"(?<=[.,;:!?)`'…]) | (?=[A-Z])")
"""Where one message may end and the next begin."""
QUOTES = "'`\""


@dataclass(frozen=True, slots=True)
class Template:
    """`probe`: its longest own words, looked for before the pattern. `kept`: values in quotes, which are names and never messages."""

    pattern: re.Pattern[str]
    russian: str
    probe: str
    kept: frozenset[int]
    bare: bool


@dataclass(frozen=True, slots=True)
class Told:
    """A message in Russian. `strange`: how many characters of it are values; of two readings the one with fewer is right."""

    russian: str
    strange: int


def in_words(error: UserError, language: Language, *, between: str = " ") -> str:
    """What happened and what to do, each in the language."""
    return between.join(filter(None, [translated(error.what, language), translated(error.do, language)]))


def translated(text: str, language: Language) -> str:
    """A message, or several: lines, sentences, a list. What is none of ours stays as it is."""
    return text if language == "en" else _lines(text)


@lru_cache(maxsize=4096)
def _lines(text: str) -> str:
    whole = reading(text) if "\n" in text else None
    return whole.russian if whole is not None else "\n".join(map(_line, text.split("\n")))


def _line(line: str) -> str:
    known = reading(line)
    return line if known is None else known.russian


@lru_cache(maxsize=4096)
def reading(text: str) -> Told | None:
    """The best one; None when no template says it."""
    core = text.strip()
    if not core or len(core) > LONGEST:
        return None
    best = _best([*_whole(core), *_sentences(core), *_listed(core, "; "), *_listed(core, "\n")])
    if best is None:
        return None
    before = len(text) - len(text.lstrip())
    return Told(text[:before] + best.russian + text[before + len(core) :], best.strange)


def _whole(text: str) -> Iterator[Told]:
    """As one template."""
    by_word, anywhere = _templates()
    for template in (*by_word.get(text.partition(" ")[0], ()), *anywhere):
        if template.probe in text and (found := template.pattern.fullmatch(text)) is not None:
            known = [None if number in template.kept else _value(value) for number, value in enumerate(found.groups())]
            if template.bare and not any(known):
                continue
            values = [each or Told(value, len(value)) for each, value in zip(known, found.groups(), strict=True)]
            russian = template.russian.format(*(value.russian for value in values))
            if text[0].isupper() and template.russian.startswith("{") and any(known):
                russian = russian[:1].upper() + russian[1:]
            yield Told(russian, sum(value.strange for value in values))


def _value(value: str) -> Told | None:
    """A value that is a message itself. One word is a name, whatever it says."""
    return reading(value) if " " in value.strip() else None


def _sentences(text: str) -> Iterator[Told]:
    """As a message with others after it, all of them known."""
    for end in PART_END.finditer(text):
        before = text[: end.start()]
        first = _best(_whole(before)) or _best(_whole(before.rstrip(",;")))
        rest = reading(text[end.end() :]) if first is not None else None
        if first is not None and rest is not None:
            mark = before[-1] if before[-1:] in (",", ";") and first.russian[-1:] != before[-1] else ""
            yield Told(f"{first.russian}{mark} {rest.russian}", first.strange + rest.strange)


def _listed(text: str, mark: str) -> Iterator[Told]:
    """As a list, some of whose items are known."""
    items = text.split(mark)
    known = [_value(item) if len(items) > 1 else None for item in items]
    if any(known):
        read = [each or Told(item, len(item)) for item, each in zip(items, known, strict=True)]
        yield Told(mark.join(each.russian for each in read), sum(each.strange for each in read))


def _best(readings: Iterable[Told]) -> Told | None:
    return min(readings, key=lambda each: each.strange, default=None)


def catalogue() -> dict[str, dict[str, str]]:
    """File -> English template -> Russian one."""
    return {path.name: dict(_entries(path)) for path in sorted(FOLDER.glob("*.ru.toml"))}


def _entries(path: Path) -> Iterator[tuple[str, str]]:
    for key, value in tomllib.loads(path.read_text(encoding="utf-8")).items():
        yield from value.items() if isinstance(value, Mapping) else [(key, value)]


@cache
def _templates() -> tuple[Mapping[str, tuple[Template, ...]], tuple[Template, ...]]:
    """By the first word, and those that begin with a value."""
    by_word: dict[str, list[Template]] = {}
    anywhere: list[Template] = []
    for entries in catalogue().values():
        for english, russian in entries.items():
            first = re.match(r"(?:[^\s{}]|\{\{|\}\})+(?=\s|$)", english)
            place = by_word.setdefault(_plain(first[0]), []) if first else anywhere
            place.append(compiled(english, russian))
    return {word: tuple(found) for word, found in by_word.items()}, tuple(anywhere)


def compiled(english: str, russian: str) -> Template:
    pieces = list(Formatter().parse(english))
    pattern, kept, holes = "", set[int](), 0
    for number, (own, field, _, _) in enumerate(pieces):
        pattern += re.escape(own)
        if field is not None:
            after = pieces[number + 1][0] if number + 1 < len(pieces) else ""
            if own[-1:] in QUOTES and own[-1:] == after[:1] != "":
                kept.add(holes)
            pattern += "(.*)" if number == len(pieces) - 1 else "(.*?)"
            holes += 1
    words = [own for own, *_ in pieces]
    letters = len(re.findall("[A-Za-z]", "".join(words)))
    return Template(re.compile(pattern, re.DOTALL), russian, max(words, key=len), frozenset(kept), holes > 0 and letters < FEWEST_LETTERS)


def _plain(text: str) -> str:
    return text.replace("{{", "{").replace("}}", "}")
