"""A folder of files becomes documents; what could not be read and what is there twice is reported by name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from rag.errors import InputError
from rag.ingest.code import comments
from rag.ingest.duplicates import Duplicate, drop_duplicates
from rag.ingest.extract import Extract
from rag.ingest.files import Problem, Unreadable, Walk, read_bytes, walk
from rag.ingest.language import UNKNOWN, guess_all, settle, stated
from rag.ingest.readers import media, read
from rag.ingest.readings import Reading, Readings, Seen, digest, look
from rag.ingest.sandbox import Sandbox
from rag.progress import Progress, silent
from rag.settings import Ingest
from rag.types import Document

__all__ = ["Duplicate", "Ingested", "Problem", "read_folder"]

SLAB = 200
"""Files read between two commits: what a kill can cost."""


@dataclass(frozen=True, slots=True)
class Ingested:
    """What a folder holds. Documents are in the order of their paths; `ignored` counts files and folders left out by a
    pattern; `read` counts the files that were read now, because they are new or changed."""

    documents: tuple[Document, ...]
    problems: tuple[Problem, ...]
    duplicates: tuple[Duplicate, ...]
    ignored: int
    read: int = 0


def read_folder(
    root: Path | None,
    settings: Ingest,
    *,
    also: Mapping[str, Path] | None = None,
    readings: Readings | None = None,
    progress: Progress = silent,
) -> Ingested:
    """Read every file below `root`; one that cannot be used becomes a Problem and the others go on.

    `also`: further folders by the name that their paths begin with; one that is not there is a Problem, too. `readings`: what
    an earlier call read; files that did not change since are not read again. Raises InputError when `root` is not a folder,
    or nothing holds a document that can be used.
    """
    found, files = _walk(root, also or {}, settings.ignore)
    problems = list(found.problems)
    with Sandbox() as sandbox:
        visit = _Visit(files, settings, sandbox, readings or Readings())
        for number, path in enumerate(found.paths, 1):
            try:
                problems += visit.file(path)
            except Unreadable as exc:
                problems.append(Problem(path, exc.what))
            progress("reading files", number, len(found.paths))
    visit.end()
    documents = _documents(visit.found)
    if not documents:
        where = [root] if root else list((also or {}).values())
        raise InputError(_nothing(where, problems, found.ignored), "Put text, Markdown, HTML, PDF, Word, CSV or JSONL files there.")
    kept, duplicates = drop_duplicates(documents, settings.near_duplicate, progress=progress)
    return Ingested(kept, tuple(sorted(problems, key=lambda problem: problem.path)), duplicates, found.ignored, visit.read)


def _walk(root: Path | None, also: Mapping[str, Path], ignore: Sequence[str]) -> tuple[Walk, dict[str, Path]]:
    """One walk through all folders, and path -> file. A path that is there twice is the root's."""
    walks = [walk(root, ignore)] if root else []
    files = {path: root / path for each in walks for path in each.paths if root}
    for name, folder in also.items():
        try:
            found = walk(folder, ignore)
        except InputError as exc:
            walks.append(Walk((), (Problem(name, exc.what),), 0))
            continue
        fresh = {f"{name}/{path}": folder / path for path in found.paths}
        twice = [Problem(path, "a file of the corpus has this path, too; rename one of them") for path in fresh if path in files]
        problems = [Problem(f"{name}/{problem.path}", problem.what) for problem in found.problems]
        files = {**fresh, **files}
        walks.append(Walk((), (*problems, *twice), found.ignored))
    ordered = tuple(sorted(files, key=lambda path: path.split("/")))
    return Walk(ordered, tuple(problem for each in walks for problem in each.problems), sum(each.ignored for each in walks)), files


class _Visit:
    """One reading of `files` (path -> where it is). `found`: path -> what the file holds; complete after `end`."""

    def __init__(self, files: Mapping[str, Path], settings: Ingest, sandbox: Sandbox, readings: Readings) -> None:
        self.found: dict[str, Reading] = {}
        self.read = 0
        self._files, self._settings, self._sandbox, self._readings = files, settings, sandbox, readings
        self._fresh: dict[str, Seen] = {}
        self._touched: dict[str, Seen] = {}

    def file(self, path: str) -> list[Problem]:
        """Read one file, or recall it when it did not change. Returns its bad rows. Raises Unreadable."""
        seen = look(self._files[path])
        if not self._readings.unchanged(path, seen):
            data = read_bytes(self._files[path], self._settings.max_file_mb)
            seen = replace(seen, digest=digest(data))
            if not self._readings.unchanged(path, seen):
                self.found[path] = self._parse(path, data)
                self._fresh[path] = seen
                if len(self._fresh) >= SLAB:
                    self._keep()
                return _problems(path, self.found[path])
            self._touched[path] = seen
        self.found[path] = self._readings.recall(path)
        return _problems(path, self.found[path])

    def end(self) -> None:
        """What was read is remembered, and what is no longer there is forgotten."""
        self._keep()
        self._readings.finish(self.found.keys(), self._touched)

    def _parse(self, path: str, data: bytes) -> Reading:
        self.read += 1
        parts = list(read(self._files[path], data, path=path, settings=self._settings, sandbox=self._sandbox))
        extracts = tuple(part for part in parts if isinstance(part, Extract))
        return Reading(extracts, ("",) * len(extracts), tuple(part[1] for part in parts if not isinstance(part, Extract)))

    def _keep(self) -> None:
        """Guess the languages, many at once (lingua uses all cores then), and remember."""
        fresh = [(path, extract) for path in self._fresh for extract in self.found[path].extracts]
        guesses = iter(guess_all(["" if stated(extract.language) else _words(media(path), extract.text) for path, extract in fresh]))
        for path in self._fresh:
            reading = self.found[path]
            self.found[path] = replace(reading, languages=tuple(islice(guesses, len(reading.extracts))))
        self._readings.keep({path: (seen, self.found[path]) for path, seen in self._fresh.items()})
        self._fresh.clear()


def _problems(path: str, reading: Reading) -> list[Problem]:
    rows = [Problem(path, problem) for problem in reading.problems]
    return rows if rows or reading.extracts else [Problem(path, "no document in it")]


def _documents(found: Mapping[str, Reading]) -> list[Document]:
    """What a file says of its own language wins; the others are settled by the whole corpus."""
    documents: list[Document] = []
    guesses: dict[int, str] = {}
    for path, reading in found.items():
        for extract, guess in zip(reading.extracts, reading.languages, strict=True):
            if not stated(extract.language):
                guesses[len(documents)] = guess
            documents.append(_document(extract, path))
    unknown = list(guesses)
    settled = settle(list(guesses.values()), lambda number: _words(documents[unknown[number]].media, documents[unknown[number]].text))
    for position, language in zip(unknown, settled, strict=True):
        documents[position] = replace(documents[position], language=language)
    return documents


def _words(kind: str, text: str) -> str:
    """What a language can be told by: of code, the comments."""
    return comments(text) if kind == "code" else text


def _document(extract: Extract, path: str) -> Document:
    return Document(
        path=path + extract.part,
        text=extract.text,
        title=extract.title or _words_of_name(path),
        language=stated(extract.language) or UNKNOWN,
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


def _nothing(where: Sequence[Path], problems: list[Problem], ignored: int) -> str:
    reasons = f" {len(problems)} could not be used; the first: {problems[0].path}: {problems[0].what}." if problems else ""
    folders = " or ".join(f"'{folder}'" for folder in where) or "any folder: none is left"
    return f"No document to index in {folders} ({ignored} ignored).{reasons}"
