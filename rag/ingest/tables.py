"""Table files: each row becomes "name: value" lines. A csv is one document, a line of jsonl is a document of its own."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from rag.ingest.encoding import clean
from rag.ingest.extract import Extract
from rag.ingest.files import Unreadable

BODY = ("text", "content", "body", "passage", "contents", "page_content")
TITLE = ("title", "name", "heading")
LANGUAGE = ("lang", "language")
MAX_DEPTH = 8
MAX_METADATA = 200  # characters


def read_csv(text: str, delimiter: str = "") -> Extract:
    """One document; the rows are separated by blank lines, so that a chunk never needs to cut one. Raises Unreadable."""
    csv.field_size_limit(len(text) + 1)
    try:
        rows = [row for row in csv.reader(io.StringIO(text), delimiter=delimiter or _delimiter(text)) if any(cell.strip() for cell in row)]
    except csv.Error as exc:
        raise Unreadable(f"not a table: {exc}") from exc
    if len(rows) < 2:
        raise Unreadable("a table without rows (the first line is taken as the names of the columns)")
    names = [name.strip() or f"column {number}" for number, name in enumerate(rows[0], 1)]
    return Extract("\n\n".join(_lines(_named(names, row)) for row in rows[1:]), metadata={"columns": ", ".join(names)})


def read_jsonl(text: str) -> Iterator[Extract | tuple[int, str]]:
    """A document per line, or (line number, what is wrong with it): one bad line does not spoil the others."""
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as exc:
            yield number, f"line {number} is not JSON: {exc.args[0] if exc.args else exc}"[:200]
            continue
        extract = record_extract(record, f"#{number}")
        yield extract if extract.text.strip() else (number, f"line {number} has no text")


def record_extract(record: Any, part: str) -> Extract:
    """A record with a field for its text (`text`, `content`, ...): that is the text and the short fields are metadata.
    Any other record is all its fields, as "name: value" lines."""
    if not isinstance(record, dict):
        return Extract(clean(_value(record)), part=part)
    title = next((_value(record[key]) for key in TITLE if isinstance(record.get(key), str)), "")
    language = next((_value(record[key]) for key in LANGUAGE if isinstance(record.get(key), str)), "")
    body = next((key for key in BODY if isinstance(record.get(key), str) and record[key].strip()), None)
    if body is None:
        return Extract(clean(_lines((str(key), _value(value)) for key, value in record.items())), clean(title), language, part=part)
    rest = {str(key): clean(_value(value)) for key, value in record.items() if key not in (body, *TITLE, *LANGUAGE)}
    short = {key: value for key, value in rest.items() if 0 < len(value) <= MAX_METADATA}
    return Extract(clean(record[body]), clean(title), language, part=part, metadata=short)


def _delimiter(text: str) -> str:
    """The separator that cuts the first lines most evenly; a comma when none does."""
    sample = [line for line in text[:20_000].split("\n")[:20] if line.strip()]

    def evenness(mark: str) -> tuple[int, int]:
        counts = [line.count(mark) for line in sample]
        return (counts.count(counts[0]) if counts and counts[0] else 0, counts[0] if counts else 0)

    return max((",", ";", "\t", "|"), key=evenness)


def _named(names: list[str], row: list[str]) -> Iterator[tuple[str, str]]:
    for number, cell in enumerate(row):
        yield (names[number] if number < len(names) else f"column {number + 1}"), cell


def _lines(pairs: Any) -> str:
    """Blank lines inside a value would look like the next row: they are closed up."""
    shown = ((name, "\n".join(line for line in value.strip().split("\n") if line.strip())) for name, value in pairs)
    return "\n".join(f"{name}: {value}" for name, value in shown if value)


def _value(value: Any, depth: int = 0) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and depth < MAX_DEPTH:
        return "; ".join(f"{key}: {_value(inner, depth + 1)}" for key, inner in value.items())
    if isinstance(value, list) and depth < MAX_DEPTH:
        return ", ".join(_value(inner, depth + 1) for inner in value)
    return "" if value is None else json.dumps(value, ensure_ascii=False)[:10_000]
