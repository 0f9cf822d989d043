"""Parts that can be exchanged: a name, where its class lives, and the extra that installs what it needs."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from rag.errors import UserError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Part:
    """`target` is "module:Class"; `extra` is the optional dependency group of pyproject.toml, if it needs one."""

    target: str
    extra: str | None = None


class Registry(Generic[T]):
    """`name -> Part` for one kind of part; a part is imported only when it is loaded."""

    def __init__(self, kind: str, parts: Mapping[str, Part]) -> None:
        self.kind = kind
        self.parts = dict(parts)

    def names(self) -> list[str]:
        return sorted(self.parts)

    def load(self, name: str) -> type[T]:
        """The class of that name. Raises UserError for an unknown name or a missing extra, naming it."""
        if name not in self.parts:
            raise UserError(f"No {self.kind} is called '{name}'.", f"Choose one of: {', '.join(self.names())}.")
        part = self.parts[name]
        module_name, _, attribute = part.target.partition(":")
        try:
            module = importlib.import_module(module_name)
        except ModuleNotFoundError as exc:
            extra = f"pip install 'finetuning-atlas[{part.extra}]'" if part.extra else "make setup"
            raise UserError(f"The {self.kind} '{name}' needs the module '{exc.name}'.", f"Install it: {extra}.") from exc
        loaded: type[T] = getattr(module, attribute)
        return loaded
