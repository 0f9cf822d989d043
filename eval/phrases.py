"""The words of the verdict in one language, from verdict.toml, with numbers and nouns in the right form."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib import resources
from typing import Any

from eval.corners import Corner
from rag.errors import UserError

MINUS = "\u2212"
LANGUAGES = ("en", "ru")


class Phrases:
    """Raises UserError for a language without words."""

    def __init__(self, language: str) -> None:
        if language not in LANGUAGES:
            raise UserError(f"There is no verdict in the language '{language}'.", f"Choose one of: {', '.join(LANGUAGES)}.")
        self.language = language
        self._words = table()[language]

    def __call__(self, key: str, **values: object) -> str:
        """A sentence; its first letter is made a capital, whatever it begins with."""
        said = str(self._words[key]).format(**values)
        return said[:1].upper() + said[1:]

    def inside(self, key: str, **values: object) -> str:
        return str(self._words[key]).format(**values)

    def number(self, value: float, digits: int = 0) -> str:
        """Rounded, without empty decimals, with a real minus sign and the language's decimal mark."""
        text = f"{abs(value):.{digits}f}"
        if "." in text:
            text = text.rstrip("0").rstrip(".")
        sign = MINUS if value < 0 and float(text) else ""
        return sign + (text.replace(".", ",") if self.language == "ru" else text)

    def count(self, key: str, value: float, digits: int = 0) -> str:
        """A number with its noun: "31 points", "31 пункт", "4,2 пункта"."""
        rounded = round(abs(value), digits)
        forms: list[str] = self._words[key]
        return forms[self._form(rounded)].format(x=self.number(value, digits))

    def range(self, low: float, high: float, digits: int) -> str:
        key = "range_signed" if round(low, digits) < 0 or round(high, digits) < 0 else "range"
        return self.inside(key, low=self.number(low, digits), high=self.number(high, digits))

    def metric(self, name: str) -> str:
        return str(self._words["metrics"].get(name, name))

    def arm(self, name: str, *, of: bool = False) -> str:
        """What an arm is called; `of`: as it stands after "than", "хуже". One without a name of its own is quoted."""
        corner = Corner.of(name)
        known: dict[str, str] = {**self._words["arms"], **(self._words["arms_of"] if of else {})}
        if corner.kind not in known or corner.copy > 1 or corner.outside:
            return known["other"].format(arm=name)
        return known["named"].format(arm=known[corner.kind], adapter=corner.adapter) if corner.adapter else known[corner.kind]

    def adapter(self, name: str, *, key: str = "the_adapter") -> str:
        arms = self._words["arms"]
        return str(arms["named"].format(arm=arms[key], adapter=name) if name else arms[key])

    def _form(self, value: float) -> int:
        """Unicode CLDR plural rules; a fraction has its own form, the last."""
        if value != int(value):
            return -1
        whole = int(value)
        if self.language != "ru":
            return int(whole != 1)
        if whole % 10 == 1 and whole % 100 != 11:
            return 0
        return 1 if 2 <= whole % 10 <= 4 and not 12 <= whole % 100 <= 14 else 2


@lru_cache(maxsize=1)
def table() -> dict[str, Any]:
    """Language -> key -> words."""
    return tomllib.loads(resources.files("eval").joinpath("verdict.toml").read_text(encoding="utf-8"))
