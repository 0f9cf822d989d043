"""Source code: which file is which language, its top-level definitions, and its comments (whose language is detected)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rag.ingest.extract import Extract
from rag.types import Heading

LANGUAGES = {
    "python": "py pyi",
    "javascript": "js jsx mjs cjs",
    "typescript": "ts tsx",
    "java": "java",
    "kotlin": "kt kts",
    "scala": "scala",
    "c": "c h",
    "cpp": "cc cpp cxx hpp hh hxx cu cuh",
    "csharp": "cs",
    "go": "go",
    "rust": "rs",
    "ruby": "rb",
    "php": "php",
    "swift": "swift",
    "lua": "lua",
    "perl": "pl pm",
    "r": "r",
    "julia": "jl",
    "shell": "sh bash zsh",
    "sql": "sql",
    "css": "css scss less",
    "vue": "vue svelte",
    "yaml": "yaml yml",
    "toml": "toml",
    "json": "json",
}
SUFFIXES = {suffix: language for language, suffixes in LANGUAGES.items() for suffix in suffixes.split()}
MODIFIERS = "export|default|public|private|protected|internal|static|final|abstract|sealed|async|pub|pub\\(\\w+\\)|unsafe|inline|data|open"
DEFINES = "def|class|fn|func|fun|function|struct|enum|trait|impl|interface|module|namespace|type|object|protocol|extension|record"
DEFINITION = re.compile(rf"(?P<indent>[ \t]{{0,8}})(?:(?:{MODIFIERS})\s+)*(?:{DEFINES})\b\s+\*?[\w$]")
LEAD = re.compile(r"[ \t]*(?:@|#\[|#(?!include|define|if|end|pragma)|//|/\*|\*|--)")
COMMENT = re.compile(r"(?:^|\s)(?:#|//|--)\s?([^\n]*)|/\*(.*?)\*/|\"\"\"(.*?)\"\"\"", re.DOTALL | re.MULTILINE)
MAX_HEADING = 80


def read(text: str, name: str, language: str) -> Extract:
    return Extract(text, title=name, headings=tuple(definitions(text)), metadata={"code": language})


def definitions(text: str) -> Iterator[Heading]:
    """Definitions at the left margin (level 1) and one step in (level 2); decorators and comments above belong to them."""
    start, lead = 0, -1
    for line in text.split("\n"):
        found = DEFINITION.match(line)
        if found:
            words = " ".join(line.split()).rstrip("{: ")[:MAX_HEADING]
            yield Heading(lead if lead >= 0 else start, 2 if found["indent"] else 1, words)
        lead = (lead if lead >= 0 else start) if LEAD.match(line) else -1
        start += len(line) + 1


def comments(text: str) -> str:
    """The words people wrote: comments and docstrings."""
    return "\n".join(part for match in COMMENT.finditer(text[:20_000]) for part in match.groups() if part)
