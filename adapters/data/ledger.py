"""The file of pairs that grows as they are made, and the ledger beside it from which a run that was cut off goes on."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rag.errors import InputError

Row = Mapping[str, Any]


class Ledger:
    """`<file>.work` holds a line per finished chunk: its id, its rows, what was dropped. `file` holds the rows alone.

    A line counts when it is whole: a kill costs the chunks that were being asked about, and nothing else.
    """

    def __init__(self, file: Path, model: str) -> None:
        """Raises InputError: `file` was not made here, was made by another model, or the ledger is damaged."""
        self.file = file
        self.model = model
        self._ledger = file.with_name(f"{file.name}.work")
        self._entries = self._read()
        file.parent.mkdir(parents=True, exist_ok=True)
        # Written again from the whole entries: a kill may have cut the last line of either.
        _replace(self._ledger, self._entries)
        _replace(file, self.rows)

    @property
    def finished(self) -> set[str]:
        """Ids of the chunks that need not be asked about again."""
        return {str(entry["chunk"]) for entry in self._entries}

    @property
    def rows(self) -> list[Row]:
        return [row for entry in self._entries for row in entry["rows"]]

    @property
    def dropped(self) -> dict[str, int]:
        """Reason -> how many, over all runs."""
        total: Counter[str] = Counter()
        for entry in self._entries:
            total.update(entry["dropped"])
        return dict(sorted(total.items()))

    def add(self, chunk: str, rows: Sequence[Row], dropped: Mapping[str, int]) -> None:
        """A chunk is finished; on disk when this returns."""
        entry = {"chunk": chunk, "model": self.model, "rows": list(rows), "dropped": dict(dropped)}
        self._entries.append(entry)
        _append(self._ledger, [entry])
        _append(self.file, rows)

    def _read(self) -> list[dict[str, Any]]:
        if not self._ledger.is_file():
            if self.file.is_file() and self.file.read_text(encoding="utf-8").strip():
                raise InputError(f"{self.file} is there already, and not from here.", "Name another file.")
            return []
        lines = self._ledger.read_text(encoding="utf-8").split("\n")
        try:
            entries = [json.loads(line) for line in lines[:-1]]  # what stands behind the last line end was not finished
            makers = {str(entry["model"]) for entry in entries}
        except (json.JSONDecodeError, KeyError, TypeError) as exc:
            raise InputError(f"{self._ledger} is damaged ({exc}).", f"Delete it and {self.file.name}, and begin again.") from exc
        if makers - {self.model}:
            raise InputError(
                f"{self.file} was begun by {', '.join(sorted(makers))}, and now it would be {self.model}.", "Name another file."
            )
        return entries


def _replace(file: Path, rows: Sequence[Row]) -> None:
    beside = file.with_name(f".{file.name}.unfinished")
    beside.write_text("", encoding="utf-8")
    _append(beside, rows)
    beside.replace(file)


def _append(file: Path, rows: Sequence[Row]) -> None:
    with file.open("a", encoding="utf-8") as out:
        out.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        out.flush()
        os.fsync(out.fileno())
