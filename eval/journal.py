"""The journal of a run: one JSON line per entry, appended as it comes, so that a kill costs at most what was in flight.

A line that was cut off by a kill is taken out when the journal is opened again; what it held is asked again. Reading gives the
last entry of each (case, arm), where a reply stands against any failure.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Self

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from eval.types import Failure, Reply
from rag.errors import InputError
from rag.types import Context


@dataclass(frozen=True, slots=True)
class Frozen:
    """The context that retrieval gave for a case: written once, used by every arm, after a resume as well."""

    case: str
    context: Context


Entry = Reply | Failure | Frozen
KINDS: Mapping[str, type[Entry]] = {"reply": Reply, "failure": Failure, "context": Frozen}


class Journal:
    """Appends entries to one file. Only one process at a time may (see eval.runs)."""

    def __init__(self, file: Path) -> None:
        """Opens it for appending, made if need be; a torn last line is cut off. Raises InputError when another line is damaged."""
        _, sound = _scan(file) if file.is_file() else ([], 0)
        self._file: BinaryIO = file.open("ab")
        self._file.truncate(sound)
        self._unsynced = False

    def append(self, entry: Entry) -> None:
        """Handed to the operating system when this returns: the death of this process does not lose it."""
        self._file.write(encode(entry))
        self._file.flush()
        self._unsynced = True

    def sync(self) -> None:
        """On the disk when this returns: a power cut does not lose what was appended before."""
        if self._unsynced:
            self._unsynced = False
            os.fsync(self._file.fileno())

    def close(self) -> None:
        self.sync()
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def read(file: Path) -> list[Entry]:
    """Every whole entry, in the order written; [] when there is no file. Raises InputError naming a damaged line."""
    return _scan(file)[0] if file.is_file() else []


def answered(entries: list[Entry]) -> tuple[dict[tuple[str, str], Reply], dict[tuple[str, str], Failure]]:
    """(case, arm) -> its reply, and those that only failed so far."""
    replies = {(entry.case, entry.arm): entry for entry in entries if isinstance(entry, Reply)}
    failures = {(entry.case, entry.arm): entry for entry in entries if isinstance(entry, Failure)}
    return replies, {key: failure for key, failure in failures.items() if key not in replies}


def encode(entry: Entry) -> bytes:
    """One line, UTF-8. Half characters (lone surrogates) cannot be written and become question marks."""
    kind = next(name for name, cls in KINDS.items() if isinstance(entry, cls))
    try:
        body = _adapter(kind).dump_json(entry)
    except PydanticSerializationError:
        body = json.dumps(_mended(asdict(entry)), ensure_ascii=False).encode()
    return b'{"' + kind.encode() + b'":' + body + b"}\n"


def decode(line: bytes) -> Entry:
    """What `encode` wrote. Raises ValueError."""
    row = json.loads(line)
    if not isinstance(row, dict) or len(row) != 1 or (kind := next(iter(row))) not in KINDS:
        raise ValueError(f"one of {', '.join(KINDS)} is expected")
    entry: Entry = _adapter(kind).validate_python(row[kind])
    return entry


@cache
def _adapter(kind: str) -> TypeAdapter[Any]:
    return TypeAdapter(KINDS[kind])


def _scan(file: Path) -> tuple[list[Entry], int]:
    """The whole entries, and the length of the file up to where they end."""
    content = file.read_bytes()
    sound = content.rfind(b"\n") + 1
    entries: list[Entry] = []
    for number, line in enumerate(content[:sound].split(b"\n")[:-1], start=1):
        try:
            entries.append(decode(line))
        except (ValueError, ValidationError) as exc:
            what = f"{file}:{number}: damaged ({str(exc).splitlines()[0]})."
            raise InputError(what, "Remove that line, and what it held is asked again; or start anew with --fresh.") from exc
    return entries, sound


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, Mapping):
        return {_mended(key): _mended(inner) for key, inner in value.items()}
    return [_mended(inner) for inner in value] if isinstance(value, list | tuple) else value
