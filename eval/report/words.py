"""The words of the report in one language, from words.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources

from rag.errors import UserError

LANGUAGES = ("en", "ru")


class Words:
    """``words("key", name=...)`` is a phrase, ``words.count("key", n)`` a number with its noun in the right form.

    Raises UserError for a language in which there is no report, KeyError for a phrase that does not exist.
    """

    def __init__(self, language: str) -> None:
        if language not in LANGUAGES:
            raise UserError(f"There is no report in the language {language!r}.", f"Choose one of: {', '.join(LANGUAGES)}.")
        self.language = language
        self._table = table()

    def __call__(self, key: str, **values: object) -> str:
        return str(self._table[key][self.language]).format(**values)

    def get(self, key: str, fallback: str) -> str:
        """The phrase, or the fallback: for names that come from data (metrics, causes, arms) and may be new."""
        return self(key) if key in self._table else fallback

    def count(self, key: str, n: int) -> str:
        """A number with its noun: "2 questions", "2 вопроса"."""
        forms = self._table[key][self.language]
        return f"{n} {forms[_russian(n) if self.language == 'ru' else int(n != 1)]}"


def _russian(n: int) -> int:
    """0 = один вопрос, 1 = два вопроса, 2 = пять вопросов (Unicode CLDR plural rules)."""
    if n % 10 == 1 and n % 100 != 11:
        return 0
    return 1 if 2 <= n % 10 <= 4 and not 12 <= n % 100 <= 14 else 2


@lru_cache(maxsize=1)
def table() -> Mapping[str, Mapping[str, str | list[str]]]:
    """Key -> language -> phrase, or the noun's forms."""
    found: Mapping[str, Mapping[str, str | list[str]]] = tomllib.loads(
        resources.files("eval.report").joinpath("words.toml").read_text(encoding="utf-8")
    )
    return found
