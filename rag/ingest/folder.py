"""A folder of files becomes documents; what could not be read and what is there twice is reported by name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from rag.errors import InputError
from rag.ingest.code import comments
from rag.ingest.duplicates import Duplicate, drop_duplicates
from rag.ingest.extract import Extract
from rag.ingest.files import Problem, Unreadable, walk
from rag.ingest.language import detect_all, stated
from rag.ingest.readers import media, read
from rag.ingest.sandbox import Sandbox
from rag.progress import Progress, silent
from rag.settings import Ingest
from rag.types import Document

__all__ = ["Duplicate", "Ingested", "Problem", "read_folder"]


@dataclass(frozen=True, slots=True)
class Ingested:
    """What a folder holds. Documents are in the order of their paths; `ignored` counts files and folders left out by a pattern."""

    documents: tuple[Document, ...]
    problems: tuple[Problem, ...]
    duplicates: tuple[Duplicate, ...]
    ignored: int


def read_folder(root: Path, settings: Ingest, *, progress: Progress = silent) -> Ingested:
    """Read every file below `root`; one that cannot be used becomes a Problem and the others go on.

    Raises InputError when `root` is not a folder, or holds no document that can be used.
    """
    found = walk(root, settings.ignore)
    problems = list(found.problems)
    documents: list[Document] = []
    with Sandbox() as sandbox:
        for number, path in enumerate(found.paths, 1):
            for each in _read_file(root, path, settings, sandbox):
                if isinstance(each, Problem):
                    problems.append(each)
                else:
                    documents.append(each)
            progress("reading files", number, len(found.paths))
    if not documents:
        raise InputError(_nothing(root, problems, found.ignored), "Put text, Markdown, HTML, PDF, Word, CSV or JSONL files there.")
    kept, duplicates = drop_duplicates(_with_languages(documents), settings.near_duplicate, progress=progress)
    return Ingested(kept, tuple(sorted(problems, key=lambda problem: problem.path)), duplicates, found.ignored)


def _read_file(root: Path, path: str, settings: Ingest, sandbox: Sandbox) -> Iterator[Document | Problem]:
    documents = 0
    problem = "no document in it"
    try:
        for each in read(root / path, path, settings, sandbox):
            if isinstance(each, Extract):
                documents += 1
                yield _document(each, path)
            else:
                problem = each[1]
                yield Problem(path, each[1])
    except Unreadable as exc:
        yield Problem(path, exc.what)
    else:
        if not documents and problem == "no document in it":
            yield Problem(path, problem)


def _document(extract: Extract, path: str) -> Document:
    return Document(
        path=path + extract.part,
        text=extract.text,
        title=extract.title or _words_of_name(path),
        language=stated(extract.language) or "und",
        media=media(path),
        headings=extract.headings,
        pages=extract.pages,
        metadata=extract.metadata,
    )


def _words_of_name(path: str) -> str:
    """The file's name as a title, if it is made of words ("travel-expenses.pdf"), else ""."""
    stem = path.rpartition("/")[2].rpartition(".")[0]
    words = re.sub(r"[\W_]+", " ", stem).strip()
    letters = sum(map(str.isalpha, words))
    return words if letters >= 4 and letters >= 0.8 * len(words.replace(" ", "")) else ""


def _with_languages(documents: list[Document]) -> list[Document]:
    """What a file says of its own language wins; for code the comments are looked at."""
    unknown = [position for position, document in enumerate(documents) if document.language == "und"]
    texts = [comments(documents[p].text) if documents[p].media == "code" else documents[p].text for p in unknown]
    for position, language in zip(unknown, detect_all(texts), strict=True):
        documents[position] = replace(documents[position], language=language)
    return documents


def _nothing(root: Path, problems: list[Problem], ignored: int) -> str:
    reasons = f" {len(problems)} could not be used; the first: {problems[0].path}: {problems[0].what}." if problems else ""
    return f"No document to index in '{root}' ({ignored} ignored).{reasons}"
