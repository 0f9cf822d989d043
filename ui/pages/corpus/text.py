"""Every word of the corpus page, in English and Russian."""

from __future__ import annotations

from collections.abc import Mapping

from ui.chat.text import Language
from ui.pages.corpus.english import EN
from ui.pages.corpus.russian import RU
from ui.pages.corpus.words import Part, Words

WORDS: Mapping[Language, Words] = {"en": EN, "ru": RU}

__all__ = ["WORDS", "Part", "Words"]
