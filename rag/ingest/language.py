"""The language of a text, by lingua (trigram models only: 60 MB, under a millisecond for a document)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence, Set
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lingua import Language, LanguageDetector

UNKNOWN = "und"
LANGUAGE_NAMES = (
    "ARABIC ARMENIAN BASQUE CATALAN DANISH DUTCH ENGLISH FINNISH FRENCH GERMAN GREEK HINDI HUNGARIAN INDONESIAN IRISH ITALIAN LITHUANIAN "
    "BOKMAL PORTUGUESE ROMANIAN RUSSIAN SERBIAN SPANISH SWEDISH TAMIL TURKISH "
    "BULGARIAN CHINESE CZECH HEBREW JAPANESE KAZAKH KOREAN PERSIAN POLISH THAI UKRAINIAN VIETNAMESE"
)
"""Those with a Snowball stemmer, and a few large ones. More languages would make detection slower and less sure."""
SAMPLE = 100  # characters from the start, the middle and the end
HEAD = 4000  # characters that are looked at there
MIN_LETTERS = 12
CORPUS = 50  # texts: with fewer of them no language is rare
RARE = 0.02  # share of the texts
SHORT = 150  # characters of a sample
STRESS = "\u0301"  # an accent that dictionaries put on Russian vowels; it would look like another language
NOISE = re.compile(
    r"```.*?(?:```|\Z)|https?://\S+|\]\([^)\s]*\)|<[^>\n]{0,200}>|`[^`\n]*`"  # code, links, tags
    r"|\\[a-z]+|[^\W\d_]{0,40}[\d_@/\\{}=<>][\w@/\\{}=<>.:-]*",  # names, numbers, formulas
    re.DOTALL,
)
CODE = re.compile(r"[A-Za-z]{2}(?:-[A-Za-z0-9]{2,8})*$")


def detect(text: str) -> str:
    """ISO 639-1 code, or "und" when there are too few letters to tell."""
    return detect_all([text])[0]


def detect_all(texts: Sequence[str]) -> list[str]:
    """The language of each text of a corpus: `settle` of `guess_all`."""
    return settle(guess_all(texts), texts.__getitem__)


def guess_all(texts: Sequence[str]) -> list[str]:
    """What each text looks like by itself: an ISO 639-1 code, "und", or "" when there are too few letters to tell."""
    samples = [sample(text) for text in texts]
    told = [words for words in samples if words]
    found = iter(_detector().detect_languages_in_parallel_of(told) if told else [])
    return [_code(next(found)) if words else "" for words in samples]


def settle(guesses: Sequence[str], text_of: Callable[[int], str]) -> list[str]:
    """The languages of a corpus, from the guess for each text and (for few positions) the text.

    A language that hardly any other text has is doubtful (names, formulas): it must be found again in a longer sample,
    and a short text gets the likeliest of the languages that the corpus does have.
    """
    counts = Counter(guess for guess in guesses if guess)
    common = {language for language, count in counts.items() if count >= RARE * counts.total() and language != UNKNOWN}
    languages = [guess or UNKNOWN for guess in guesses]
    for position, guess in enumerate(guesses):
        if guess and guess not in common and counts.total() >= CORPUS:
            text = text_of(position)
            languages[position] = _again(text, sample(text), common)
    return languages


def _again(text: str, words: str, common: Set[str]) -> str:
    found = _code(_detector().detect_language_of(_letters(text[: 2 * HEAD])))
    if found in common or len(words) > SHORT:
        return found
    sure = [(each.value, _code(each.language)) for each in _detector().compute_language_confidence_values(words)]
    value, likeliest = max((pair for pair in sure if pair[1] in common), default=(0.0, found))
    return likeliest if value > 0 else found


def _code(language: Language | None) -> str:
    return UNKNOWN if language is None else language.iso_code_639_1.name.lower().replace("nb", "no")


def stated(language: str) -> str:
    """The code that a file states for itself ("en-US", "ru_RU"), as ISO 639-1, or "" when it states none."""
    code = language.strip().replace("_", "-")
    return code[:2].lower() if CODE.match(code) else ""


def sample(text: str) -> str:
    """Words from three places, without code, links and markup; "" when there are too few letters."""
    words = " ".join(_letters(text[:HEAD]).split())
    if len(text) > 2 * HEAD:
        words += " " + " ".join(_letters(text[len(text) // 2 :][:HEAD]).split())
    if len(words) > 3 * SAMPLE:
        middle = len(words) // 2
        words = " ".join((words[:SAMPLE], words[middle : middle + SAMPLE], words[-SAMPLE:]))
    return words if sum(map(str.isalpha, words)) >= MIN_LETTERS else ""


def _letters(text: str) -> str:
    return NOISE.sub(" ", text).replace(STRESS, "")


@lru_cache(maxsize=1)
def _detector() -> LanguageDetector:
    from lingua import Language, LanguageDetectorBuilder

    languages = [getattr(Language, name) for name in LANGUAGE_NAMES.split()]
    return LanguageDetectorBuilder.from_languages(*languages).with_low_accuracy_mode().build()
