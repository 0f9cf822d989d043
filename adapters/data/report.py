"""What came of the pairs: examples by kind, language and style, and the pairs that were left out with the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from adapters.example import Example


@dataclass(frozen=True, slots=True)
class Report:
    """Each mapping: name -> how many. `styles` has "-" for raw text; `skipped` counts pairs by reason."""

    kinds: Mapping[str, int] = field(default_factory=dict)
    languages: Mapping[str, int] = field(default_factory=dict)
    styles: Mapping[str, int] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)

    @property
    def examples(self) -> int:
        return sum(self.kinds.values())

    def __add__(self, other: Report) -> Report:
        return Report(
            _sum(self.kinds, other.kinds),
            _sum(self.languages, other.languages),
            _sum(self.styles, other.styles),
            _sum(self.skipped, other.skipped),
        )


@dataclass(frozen=True, slots=True)
class Made:
    """The examples of one recipe and their report."""

    examples: tuple[Example, ...]
    report: Report


def made(examples: list[tuple[Example, str]], skipped: Mapping[str, int]) -> Made:
    """From (example, style) rows."""
    report = Report(
        _sum(Counter(example.kind for example, _ in examples), {}),
        _sum(Counter(example.language for example, _ in examples), {}),
        _sum(Counter(style for _, style in examples), {}),
        _sum(skipped, {}),
    )
    return Made(tuple(example for example, _ in examples), report)


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in sorted({*one, *other})}
