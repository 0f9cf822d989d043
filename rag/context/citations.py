"""Citations: which source each statement of an answer rests on, and the sentence there that says so."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from rag.index.lexical import stop_terms
from rag.index.words import compounds, query_terms
from rag.ingest.sentences import sentences
from rag.types import Citation, Source

MARKER = re.compile(r"\s*\[(\d{1,2}(?:\s*[,;]\s*\d{1,2})*)\]")
LEADING = re.compile(rf"(?:{MARKER.pattern})+")
BARE = re.compile(r"\s*(?:\[[\d\s,;.\[\]]*)?")
REFUSALS = re.compile(
    r"\b(?:i (?:do not|don['’]t) know|(?:do(?:es)? not|don['’]t|doesn['’]t) (?:contain|hold|say|mention|provide|specify)|"
    r"(?:is|are) not (?:mentioned|provided|specified|given) in|cannot (?:be )?(?:answer|find|determine)|"
    r"no (?:answer|information) (?:in|is|about)|"
    r"не знаю|нет ответа|нет (?:такой )?информации|не (?:содерж|указан|упомина|сказано|говорится))",
    re.IGNORECASE,
)
MATCHED = 0.5
"""A statement is linked to a source when at least this share of its words stands in one sentence there."""


def cite(question: str, answer: str, sources: Sequence[Source]) -> tuple[Citation, ...]:
    """The citations of an answer, in order of appearance, without repeats.

    Markers that the model wrote ([1], [2, 3]) are taken when they name a source; their span is the sentence of that source
    closest to the statement. A statement without a marker is linked to the sentence that holds most of its words
    (`by` = "match"), or to none.
    """
    asked = _terms(question)
    by_number = {source.number: source for source in sources}
    found: dict[Citation, None] = {}
    for statement, numbers in statements(answer):
        said = _terms(statement)
        cited = [by_number[number] for number in numbers if number in by_number]
        for source in cited:
            _, start, end = _closest(said, asked, source)
            found[Citation(source.number, start, end, "model")] = None
        if not cited and said and sources:
            (share, start, end), number = max((_closest(said, asked, source), -source.number) for source in sources)
            if share[0] >= MATCHED:
                found[Citation(-number, start, end, "match")] = None
    return tuple(found)


def statements(answer: str) -> list[tuple[str, list[int]]]:
    """The sentences of an answer without their markers, each with the source numbers that the model put on it."""
    found: list[tuple[str, list[int]]] = []
    for sentence in sentences(answer):
        leading = LEADING.match(sentence)
        if leading and found:  # a marker behind the full stop belongs to the sentence before it
            found[-1][1].extend(_numbers(leading[0]))
            sentence = sentence[leading.end() :]
        text = MARKER.sub("", sentence).strip()
        if text.strip(" .;,"):
            found.append((text, _numbers(sentence)))
    return found


def _numbers(text: str) -> list[int]:
    return [int(number) for group in MARKER.findall(text) for number in re.findall(r"\d+", group)]


def without_markers(answer: str) -> str:
    """The answer's words alone, as metrics want them."""
    return MARKER.sub("", answer).strip()


def bare(answer: str) -> bool:
    """Whether an answer, or its beginning, holds nothing but markers: no word that they could stand for."""
    return bool(BARE.fullmatch(answer))


def refuses(answer: str) -> bool:
    """Whether an answer says that it does not know, in English or Russian."""
    return bool(REFUSALS.search(answer))


Strength = tuple[float, float]
"""Share of the statement's words in a sentence, then share of the question's: the question decides between equal ones."""


def _closest(said: frozenset[str], asked: frozenset[str], source: Source) -> tuple[Strength, int, int]:
    """The sentence of a source that fits best: its strength and its span in the document."""
    best: tuple[Strength, int, int] = ((0.0, 0.0), source.start, source.end)
    position = source.start
    for sentence in sentences(source.text):
        terms = _terms(sentence)
        strength = (_share(said, terms), _share(asked, terms))
        if strength > best[0] and sentence.strip():
            lead = len(sentence) - len(sentence.lstrip())
            best = (strength, position + lead, position + len(sentence.rstrip()))
        position += len(sentence)
    return best


def _share(wanted: frozenset[str], there: frozenset[str]) -> float:
    return len(wanted & there) / len(wanted) if wanted else 0.0


def _terms(text: str) -> frozenset[str]:
    """Stemmed words, by script; stop words only when there is nothing else."""
    words = compounds(text)
    content = [word for word in words if word.lower().replace("ё", "е") not in _stop_words()]
    return frozenset(term for word in content or words for term in query_terms(word, {}))


@cache
def _stop_words() -> frozenset[str]:
    return stop_terms(("en", "ru"))
