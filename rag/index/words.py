"""Text to search terms: words split and stemmed by script and language, identifiers kept whole and in parts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

COMPOUND = re.compile(r"\w+(?:[-._/+&@:\u2010\u2011]\w+)*(?:\+\+|#(?!\w))?")
PART = re.compile(r"[^\W\d_]+|\d+")
CAMEL = re.compile(r"(?<=[a-zа-я])(?=[A-ZА-Я][a-zа-я])")
CLITIC = re.compile(r"(?<=\w)['’](?:s|t|d|m|re|ve|ll)\b", re.IGNORECASE)
INVISIBLE = {0x00AD: None, 0x0301: None, 0x200B: None, 0x200C: None, 0x200D: None, 0x2060: None, 0xFEFF: None}
"""Soft hyphen, stress mark and zero-width characters: two spellings of one word."""
LONGEST_WHOLE = 6
"""A compound of more parts (a path, a URL) is indexed by its parts only."""
WORDS_REMEMBERED = 200_000

STEMMERS: Mapping[str, Mapping[str, str]] = {
    "latin": {
        "en": "english", "de": "german", "fr": "french", "es": "spanish", "pt": "portuguese", "it": "italian", "nl": "dutch",
        "sv": "swedish", "no": "norwegian", "nb": "norwegian", "nn": "norwegian", "da": "danish", "fi": "finnish", "hu": "hungarian",
        "ro": "romanian", "tr": "turkish", "ca": "catalan", "cs": "czech", "pl": "polish", "et": "estonian", "lt": "lithuanian",
        "id": "indonesian", "eu": "basque", "ga": "irish", "eo": "esperanto",
    },
    "cyrillic": {"ru": "russian", "sr": "serbian"},
    "greek": {"el": "greek"},
    "arabic": {"ar": "arabic", "fa": "persian"},
    "armenian": {"hy": "armenian"},
    "hebrew": {"yi": "yiddish"},
}  # fmt: skip
"""script -> language -> Snowball algorithm of PyStemmer."""
USUAL = {"latin": "english", "cyrillic": "russian", "greek": "greek", "arabic": "arabic", "armenian": "armenian"}
"""For a word in a script that is not its document's (or whose language is unknown or has no stemmer)."""


def unmarked(text: str) -> str:
    """The text composed (NFC) and without what is not read: a model knows "Иван", and takes "Ива\u0301н" for three unknown pieces."""
    return unicodedata.normalize("NFC", text).translate(INVISIBLE)


def compounds(text: str) -> list[str]:
    """The words and identifiers of a text as they stand, before splitting: 'GPT-4', 'lora_alpha', 'C++', 'модели'."""
    return COMPOUND.findall(CLITIC.sub("", unicodedata.normalize("NFKC", text).translate(INVISIBLE)))


@lru_cache(maxsize=WORDS_REMEMBERED)
def pieces(compound: str) -> tuple[str, ...]:
    """The lower-case terms of one compound, not yet stemmed: itself without its separators, and its parts.

    'max-model-len', 'max_model_len' and 'maxModelLen' share the whole 'maxmodellen' and the three parts; 'GPT-4' and
    'GPT4' share 'gpt4'; '3.14' stays '3.14'; 'C++' is 'c++' and 'c'.
    """
    parts = [part.lower().replace("ё", "е") for part in PART.findall(CAMEL.sub(" ", compound))]
    if len(parts) == 1 and compound[-1] not in "+#":
        return (parts[0],)
    lowered = compound.lower().replace("ё", "е")
    whole = lowered if not parts or all(part.isdigit() for part in parts) else "".join(parts) + lowered[len(lowered.rstrip("+#")) :]
    return (whole, *parts) if len(parts) <= LONGEST_WHOLE else tuple(parts)


@lru_cache(maxsize=WORDS_REMEMBERED)
def script(term: str) -> str:
    """The script of the first letter: "latin", "cyrillic", ..., "cjk" for those written without spaces, "" for none."""
    for character in term:
        if character.isalpha():
            name = unicodedata.name(character, "").split(" ")[0].lower()
            return "cjk" if name in ("cjk", "hiragana", "katakana", "thai", "lao", "khmer", "myanmar") else name
    return ""


def algorithm(kind: str, language: str) -> str:
    """The Snowball algorithm for a word of script `kind` in a document of `language`; "" = no stemming."""
    return STEMMERS.get(kind, {}).get(language) or USUAL.get(kind, "")


def stems(term: str, algorithms: Iterable[str]) -> list[str]:
    """The term under each algorithm, without repeats. Terms with digits or signs stay as they are."""
    return list(dict.fromkeys(_stem(term, name) for name in algorithms)) or [term]


@lru_cache(maxsize=WORDS_REMEMBERED)
def _stem(term: str, name: str) -> str:
    if not name or not term.isalpha():
        return term
    return str(_stemmer(name).stemWord(term))


@lru_cache(maxsize=64)
def _stemmer(name: str) -> Any:
    import Stemmer

    return Stemmer.Stemmer(name)


def bigrams(term: str) -> list[str]:
    """Overlapping pairs of characters, for scripts without spaces between words (as Lucene's CJK analyser does)."""
    return [term[i : i + 2] for i in range(len(term) - 1)] or [term]


@lru_cache(maxsize=WORDS_REMEMBERED)
def document_terms(compound: str, language: str) -> tuple[str, ...]:
    """The terms under which a compound of a document in `language` is indexed."""
    found: list[str] = []
    for term in pieces(compound):
        kind = script(term)
        found += bigrams(term) if kind == "cjk" else [_stem(term, algorithm(kind, language))]
    return tuple(found)


def query_terms(compound: str, algorithms: Mapping[str, Iterable[str]]) -> list[str]:
    """The terms under which a compound of a query is looked up: stemmed under every algorithm the corpus uses for its script.

    A wrongly guessed language of a short question therefore loses nothing.
    """
    found: list[str] = []
    for term in pieces(compound):
        kind = script(term)
        found += bigrams(term) if kind == "cjk" else stems(term, algorithms.get(kind) or (algorithm(kind, ""),))
    return found
