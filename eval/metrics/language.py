"""Whether an answer is in the language of its question."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from rag.ingest.language import UNKNOWN, detect

SCRIPTS = {"ru": "CYRILLIC", "en": "LATIN"}


def speaks(answer: str, language: str, accepted: Sequence[str] = ()) -> bool | None:
    """True or False; None when it cannot be told (no letters, an unknown language).

    Russian and English are told by the script of most letters, since an answer is too short for more; an accepted answer
    in another script (a product's name) is right in every language.
    """
    letters = [character for character in answer if character.isalpha()]
    if not letters:
        return None
    if language in SCRIPTS:
        own = sum(unicodedata.name(letter, "").startswith(SCRIPTS[language]) for letter in letters)
        return 2 * own > len(letters) or answer.strip(" .").casefold() in {text.strip(" .").casefold() for text in accepted}
    found = detect(answer)
    return None if UNKNOWN in (found, language) else found == language
