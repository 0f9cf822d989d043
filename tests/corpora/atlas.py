"""The shipped corpus as its tests read it: pages with their structure, paragraphs, question-answer pairs, stemmed content words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import Stemmer
import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

from rag.index.lexical import stop_terms

CORPUS = Path(__file__).resolve().parents[2] / "corpora" / "atlas"
LANGUAGES = {"en": "english", "ru": "russian"}
"""Language of a folder -> its Snowball stemmer."""
SPLITS = ("train", "dev", "test")

MARKDOWN = MarkdownIt("commonmark").enable("table")


@dataclass(frozen=True)
class Page:
    """One page. `front` is the parsed front matter, `body` everything below it."""

    path: str
    front: dict[str, Any]
    body: str

    @property
    def language(self) -> str:
        return self.path.partition("/")[0]

    @property
    def name(self) -> str:
        return Path(self.path).stem

    @cached_property
    def tokens(self) -> list[Token]:
        return MARKDOWN.parse(self.body)

    @cached_property
    def structure(self) -> list[str]:
        """What a reader sees apart from the words, in order: heading levels, tables by rows x columns, lists by items, fences by kind."""
        found = []
        for number, token in enumerate(self.tokens):
            inside = list(_until_closed(self.tokens, number)) if token.nesting == 1 else []
            if token.type == "heading_open":
                found.append(token.tag)
            elif token.type == "table_open":
                rows = sum(part.type == "tr_open" for part in inside)
                found.append(f"table {rows} x {sum(part.type in ('td_open', 'th_open') for part in inside) // rows}")
            elif token.type in ("bullet_list_open", "ordered_list_open"):
                found.append(f"{token.tag} {sum(part.type == 'list_item_open' for part in inside)}")
            elif token.type == "fence":
                found.append(f"fence {token.info} {len(token.content.splitlines())}")
        return found

    @cached_property
    def headings(self) -> list[str]:
        return [self.tokens[number + 1].content for number, token in enumerate(self.tokens) if token.type == "heading_open"]

    @cached_property
    def numbers(self) -> list[str]:
        return sorted(re.findall(r"\d+(?:\.\d+)?", self.body))

    @cached_property
    def calculations(self) -> list[str]:
        return [line for token in self.tokens if token.type == "fence" and token.info == "calc" for line in token.content.splitlines()]

    @cached_property
    def links(self) -> list[str]:
        return re.findall(r"\]\(([^)]*)\)", self.body)

    @cached_property
    def paragraphs(self) -> list[str]:
        """Blocks between blank lines, each below its title and section heading; a calculation belongs to the paragraph before it."""
        title, section = self.front["title"], ""
        found: list[str] = []
        for block in re.split(r"\n\s*\n", self.body.strip()):
            if block.startswith("#"):
                section = block.lstrip("# ")
            elif block.startswith("```calc") and found:
                found[-1] += f"\n{block}"
            else:
                found.append(f"{title}\n{section}\n{block}")
        return found


@dataclass(frozen=True)
class Pair:
    """One question with its accepted answers, the files that hold the answer and the verbatim spans that support it."""

    id: str
    question: str
    answers: list[str]
    doc: str | None
    docs: list[str]
    gold: list[dict[str, str]]
    answerable: bool
    lang: str
    kind: str
    group: str
    near: str | None
    split: str

    @property
    def page(self) -> str:
        """The page that the question was written for."""
        return self.doc or self.near or ""

    @property
    def spans(self) -> str:
        return "\n".join(gold["span"] for gold in self.gold)


def _until_closed(tokens: list[Token], number: int) -> Iterator[Token]:
    for token in tokens[number + 1 :]:
        if token.nesting == -1 and token.level == tokens[number].level:
            return
        yield token


def read_page(path: str) -> Page:
    """Raises ValueError when the file has no front matter."""
    text = (CORPUS / path).read_text(encoding="utf-8")
    parts = text.split("---\n", 2)
    if len(parts) != 3 or parts[0]:
        raise ValueError(f"{path}: no front matter")
    return Page(path, yaml.safe_load(parts[1]), parts[2])


@lru_cache(maxsize=1)
def pages() -> dict[str, Page]:
    """Path below corpora/atlas -> page."""
    paths = sorted(file.relative_to(CORPUS).as_posix() for language in LANGUAGES for file in (CORPUS / language).glob("*.md"))
    return {path: read_page(path) for path in paths}


@lru_cache(maxsize=1)
def pairs() -> list[Pair]:
    """All pairs, file by file. Raises TypeError when a row has other fields than a Pair."""
    return [
        Pair(**json.loads(line), split=split)
        for split in SPLITS
        for language in LANGUAGES
        for line in (CORPUS / "qa" / f"{split}.{language}.jsonl").read_text(encoding="utf-8").splitlines()
    ]


@lru_cache(maxsize=20000)
def content_words(text: str, *, stop: bool = True) -> tuple[str, ...]:
    """Words and numbers, lower case, stemmed by their script; `stop`: without stop words."""
    words = re.findall(r"\d+(?:\.\d+)?|[^\W\d_]+", text.lower().replace("ё", "е"))
    dropped = stop_terms(tuple(LANGUAGES)) if stop else frozenset()
    return tuple(_stem(word) for word in words if word not in dropped)


@lru_cache(maxsize=50000)
def _stem(word: str) -> str:
    return str(_stemmer("russian" if re.search("[а-я]", word) else "english").stemWord(word))


@lru_cache(maxsize=2)
def _stemmer(name: str) -> Any:
    return Stemmer.Stemmer(name)


def jaccard(first: frozenset[str], second: frozenset[str]) -> float:
    """Shared part of two sets of words, in [0, 1]; 0 when both are empty."""
    shared = len(first & second)
    return shared / (len(first) + len(second) - shared) if first or second else 0.0
