"""What a reader makes of a file, before it is a document; it can cross a process boundary as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from rag.types import Heading


@dataclass(frozen=True, slots=True)
class Extract:
    """Plain text with its structure. `part` names a row ("#3") when a file holds several documents; `language` is
    what the file itself says, or "". Offsets are characters of `text`."""

    text: str
    title: str = ""
    language: str = ""
    headings: tuple[Heading, ...] = ()
    pages: tuple[int, ...] = ()
    part: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Extract:
        return cls.from_fields(json.loads(line))

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Extract:
        """From what `dataclasses.asdict` gives, after it was JSON."""
        headings = tuple(Heading(**heading) for heading in fields["headings"])
        return cls(**{**fields, "headings": headings, "pages": tuple(fields["pages"])})
