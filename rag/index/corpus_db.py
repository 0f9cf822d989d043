"""corpus.db: the documents and chunks of one index version, in SQLite, read-only once written."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Self

from rag.errors import IndexError_, UserError
from rag.types import Chunk, Document, Heading

SCHEMA = """
CREATE TABLE documents (
    id TEXT PRIMARY KEY, path TEXT NOT NULL, title BLOB NOT NULL, language TEXT NOT NULL, media TEXT NOT NULL,
    headings TEXT NOT NULL, pages TEXT NOT NULL, metadata TEXT NOT NULL, text BLOB NOT NULL
);
CREATE TABLE chunks (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, document_id TEXT NOT NULL REFERENCES documents(id),
    start INTEGER NOT NULL, "end" INTEGER NOT NULL, language TEXT NOT NULL, page INTEGER, metadata TEXT NOT NULL,
    header BLOB NOT NULL, text BLOB NOT NULL
);
CREATE INDEX chunks_of ON chunks(document_id, start);
"""
DOCUMENT = "id, path, title, language, media, headings, pages, metadata, text"
JOINED = "FROM chunks c JOIN documents d ON d.id = c.document_id"
CHUNK = 'c.document_id, d.path, c.start, c."end", c.text, c.header, c.language, c.page, c.metadata'
FIXED_KEYS = ("path", "language", "media")
BATCH = 500  # ids in one statement


@dataclass(frozen=True, slots=True)
class Listed:
    """A document in a list: everything but its text. `characters`: of the text; `chunks`: how many it was cut into."""

    id: str
    path: str
    title: str
    language: str
    media: str
    characters: int
    chunks: int


class CorpusDb:
    """Thread-safe; one connection, opened at once, so that the file may be unlinked while it is in use."""

    def __init__(self, file: Path) -> None:
        if not file.is_file():
            raise IndexError_(f"{file} is missing.", "Build the index again.")
        self._use(file, sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False))
        self._rows("SELECT count(*) FROM chunks JOIN documents ON documents.id = document_id LIMIT 1")

    @classmethod
    def empty(cls) -> Self:
        """A corpus without documents, in memory."""
        made = cls.__new__(cls)
        made._use(Path(":memory:"), sqlite3.connect(":memory:", check_same_thread=False))
        made._connection.executescript(SCHEMA)
        return made

    def _use(self, file: Path, connection: sqlite3.Connection) -> None:
        self._file = file
        self._connection = connection
        self._lock = threading.Lock()
        self._selected: dict[tuple[tuple[str, tuple[str, ...]], ...], frozenset[str]] = {}

    def chunks(self, ids: Sequence[str]) -> list[Chunk]:
        """Same order as `ids`. Raises IndexError_ for an id that is not there."""
        found: dict[str, Chunk] = {}
        unique = list(dict.fromkeys(ids))
        for start in range(0, len(unique), BATCH):
            part = unique[start : start + BATCH]
            marks = ",".join("?" * len(part))
            for row in self._rows(f"SELECT c.id, {CHUNK} {JOINED} WHERE c.id IN ({marks})", part):
                found[row[0]] = _chunk(row[1:])
        missing = [name for name in unique if name not in found]
        if missing:
            raise IndexError_(f"{self._file} has no chunk {missing[0]} (and {len(missing) - 1} others).", "Build the index again.")
        return [found[name] for name in ids]

    def document(self, document_id: str) -> Document:
        rows = self._rows(f"SELECT {DOCUMENT} FROM documents WHERE id = ?", (document_id,))
        if not rows:
            raise IndexError_(f"{self._file} has no document {document_id}.", "It may have left the corpus since: search again.")
        return _document(rows[0])

    def documents(self) -> Iterator[Document]:
        """In path order."""
        for (name,) in self._rows("SELECT id FROM documents ORDER BY path, id"):
            yield self.document(name)

    def listing(self) -> list[Listed]:
        """All documents in path order, without reading their texts into memory."""
        counts = dict(self._rows("SELECT document_id, count(*) FROM chunks GROUP BY document_id"))
        rows = self._rows("SELECT id, path, title, language, media, length(CAST(text AS TEXT)) FROM documents ORDER BY path, id")
        return [
            Listed(name, path, _text(title), language, media, characters, counts.get(name, 0))
            for name, path, title, language, media, characters in rows
        ]

    def chunk_lengths(self) -> list[int]:
        """Characters of every chunk, in the build's order."""
        return [length for (length,) in self._rows('SELECT "end" - start FROM chunks ORDER BY number')]

    def numbered(self, numbers: Sequence[int]) -> list[Chunk]:
        """The chunks at these positions of the build's order; `numbers` ascending."""
        found: list[Chunk] = []
        for start in range(0, len(numbers), BATCH):
            part = [str(number) for number in numbers[start : start + BATCH]]
            marks = ",".join("?" * len(part))
            found += [_chunk(row) for row in self._rows(f"SELECT {CHUNK} {JOINED} WHERE c.number IN ({marks}) ORDER BY c.number", part)]
        return found

    def chunks_of(self, document_id: str) -> list[Chunk]:
        """In text order."""
        query = f"SELECT {CHUNK} {JOINED} WHERE d.id = ? ORDER BY c.start, c.number"
        return [_chunk(row) for row in self._rows(query, (document_id,))]

    def chunks_if_same(self, document: Document) -> list[Chunk]:
        """The chunks of exactly this document; [] when it is not here or anything about it differs."""
        rows = self._rows(f"SELECT {DOCUMENT} FROM documents WHERE id = ?", (document.id,))
        return self.chunks_of(document.id) if rows and _document(rows[0]) == document else []

    def number(self, ids: Sequence[str]) -> list[int]:
        """The position of each chunk in the build's order (the row of its vector)."""
        found: dict[str, int] = {}
        for start in range(0, len(ids), BATCH):
            part = list(ids[start : start + BATCH])
            found.update(self._rows(f"SELECT id, number FROM chunks WHERE id IN ({','.join('?' * len(part))})", part))
        missing = [name for name in ids if name not in found]
        if missing:
            raise IndexError_(f"{self._file} has no chunk {missing[0]}.", "Build the index again.")
        return [found[name] for name in ids]

    def select(self, where: Mapping[str, str | Sequence[str]]) -> frozenset[str]:
        """Ids of the chunks that meet every condition: a value, or one of several. `path` takes glob patterns.

        Other keys are `language`, `media` and the metadata of documents and chunks. Raises UserError for an unknown key,
        naming the known ones.
        """
        wanted = tuple(sorted((key, (value,) if isinstance(value, str) else tuple(value)) for key, value in where.items()))
        with self._lock:
            if wanted in self._selected:
                return self._selected[wanted]
        rows = self._rows(f"SELECT c.id, d.path, c.language, d.media, d.metadata, c.metadata {JOINED}")
        found, seen = set(), set(FIXED_KEYS)
        for name, path, language, media, of_document, of_chunk in rows:
            values = {**json.loads(of_document), **json.loads(of_chunk), "path": path, "language": language, "media": media}
            seen |= values.keys()
            if all(_meets(key, values.get(key), options) for key, options in wanted):
                found.add(name)
        unknown = [key for key, _ in wanted if key not in seen]
        if unknown:
            raise UserError(f"No document has the key '{unknown[0]}'.", f"Filter by one of: {', '.join(sorted(seen))}.")
        with self._lock:
            if len(self._selected) > 16:
                self._selected.clear()
            return self._selected.setdefault(wanted, frozenset(found))

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _rows(self, query: str, values: Sequence[str] = ()) -> list[Any]:
        try:
            with self._lock:
                return self._connection.execute(query, values).fetchall()
        except sqlite3.DatabaseError as exc:
            raise IndexError_(f"{self._file} cannot be read ({exc}).", "Build again, or roll back: `atlas index rollback`.") from exc


def write(file: Path, documents: Sequence[Document], chunks: Sequence[Chunk]) -> None:
    """A new corpus.db. The caller syncs it; until then a crash may lose it, so no journal is kept."""
    connection = sqlite3.connect(file)
    try:
        connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + SCHEMA)
        with connection:
            connection.executemany("INSERT INTO documents VALUES (?,?,?,?,?,?,?,?,?)", map(_document_row, documents))
            connection.executemany("INSERT INTO chunks VALUES (?,?,?,?,?,?,?,?,?,?)", map(_chunk_row, range(len(chunks)), chunks))
    finally:
        connection.close()


def _document_row(document: Document) -> tuple[Any, ...]:
    headings = json.dumps([[heading.start, heading.level, heading.text] for heading in document.headings])
    described = (headings, json.dumps(document.pages), json.dumps(dict(document.metadata)))
    return (document.id, document.path, _blob(document.title), document.language, document.media, *described, _blob(document.text))


def _document(row: Sequence[Any]) -> Document:
    _, path, title, language, media, headings, pages, metadata, text = row
    return Document(
        path=path, text=_text(text), title=_text(title), language=language, media=media, metadata=json.loads(metadata),
        headings=tuple(Heading(*heading) for heading in json.loads(headings)), pages=tuple(json.loads(pages)),
    )  # fmt: skip


def _chunk_row(number: int, chunk: Chunk) -> tuple[Any, ...]:
    place = (chunk.document_id, chunk.start, chunk.end, chunk.language, chunk.page)
    return (number, chunk.id, *place, json.dumps(dict(chunk.metadata)), _blob(chunk.header), _blob(chunk.text))


def _chunk(row: Sequence[Any]) -> Chunk:
    document_id, path, start, end, text, header, language, page, metadata = row
    about = {"header": _text(header), "language": language, "page": page, "metadata": json.loads(metadata)}
    return Chunk(document_id, path, start, end, _text(text), **about)


def _blob(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # a lone surrogate from a broken json file must not stop a build


def _text(blob: bytes) -> str:
    return blob.decode("utf-8", "surrogatepass")


def _meets(key: str, value: str | None, options: Sequence[str]) -> bool:
    if value is None:
        return False
    return any(fnmatchcase(value, option) for option in options) if key == "path" else value in options
