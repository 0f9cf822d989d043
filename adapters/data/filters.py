"""Which generated pairs are worth keeping: each filter has a name, and a pair falls to the first that it does not pass."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from adapters.data.gold import JUDGEMENTS
from adapters.data.leakage import JACCARD, trigrams
from adapters.data.matching import contains, says, stemmed_words, support, words
from rag.context.citations import MARKER, refuses

SUPPORTED = 0.8
"""Share of the answer's content words that must stand in the passage when it is not there verbatim."""
KNOWN = 0.5
"""Token F1 of the answer without the passage from which the question counts as answerable without it."""
LABELLED = re.compile(
    r"\b(?:question|вопрос|q)\s*\d*\s*[:.)]\s*(?P<question>.+?)\s*\b(?:(?:short\s+)?answer|(?:краткий\s+)?ответ|a)\s*\d*\s*[:)]\s*"
    r"(?P<answer>[^\n]+)",
    re.IGNORECASE | re.DOTALL,
)
TWO_LINES = re.compile(r"^(?P<question>[^\n]+\?)\s*\n+(?P<answer>[^\n]+)", re.MULTILINE)
POINTS = re.compile(
    r"\b(?:(?:this|the|that|given|above)\s+(?:document|text|passage|article|paragraph)|этот? (?:документ|текст)\w*|"
    r"(?:в|из|по|согласно|данн\w+|эт\w+)\s+(?:документ|текст|отрывк|стать)\w*)",
    re.IGNORECASE,
)
MARKS = str.maketrans("", "", "*#`")
KEYS = (("question", "answer"), ("вопрос", "ответ"))


@dataclass(frozen=True, slots=True)
class Drafted:
    """A question and its answer as a model wrote them."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Limits:
    """In words."""

    question: tuple[int, int] = (4, 40)
    answer: tuple[int, int] = (1, 12)


def parse(reply: str) -> list[Drafted]:
    """The pairs in a reply: JSON, labelled lines, or a question and the line behind it. Empty when there is none."""
    found = list(_from_json(reply))
    if not found:
        text = reply.translate(MARKS)
        matches = list(LABELLED.finditer(text)) or list(TWO_LINES.finditer(text))
        found = [Drafted(_tidy(match["question"]), _tidy(match["answer"])) for match in matches]
    return [Drafted(each.question, each.answer.rstrip(".")) for each in found if each.question and each.answer]


def problem(pair: Drafted, passage: str, limits: Limits) -> str:
    """The name of the first filter that the pair does not pass, "" when it passes all that need no model."""
    length = (len(words(pair.question)), len(words(pair.answer)))
    if not limits.question[0] <= length[0] <= limits.question[1] or not limits.answer[0] <= length[1] <= limits.answer[1]:
        return "too short or too long"
    if refuses(pair.answer):
        return "the answer is a refusal"
    if POINTS.search(pair.question):
        return "speaks of the document"
    if " ".join(words(pair.answer)) not in JUDGEMENTS:
        if contains(pair.question, pair.answer):
            return "the question says the answer"
        if not contains(passage, pair.answer) and support(passage, pair.answer) < SUPPORTED:
            return "the answer is not in the passage"
    return ""


def known(reply: str, answer: str) -> bool:
    """Whether a reply given without the passage says the answer."""
    if says(reply, answer):
        return True
    said, right = Counter(stemmed_words(MARKER.sub("", reply))), Counter(stemmed_words(answer))
    shared = sum((said & right).values())
    return shared > 0 and 2 * shared / (sum(said.values()) + sum(right.values())) >= KNOWN


@dataclass(slots=True)
class Asked:
    """The questions there are already; `add` says whether one is new (other words, and few shared 3-grams)."""

    _grams: list[frozenset[tuple[str, ...]]] = field(default_factory=list)
    _holding: dict[tuple[str, ...], list[int]] = field(default_factory=dict)

    def add(self, question: str) -> bool:
        grams = trigrams(question)
        shared = Counter(number for gram in grams for number in self._holding.get(gram, []))
        if any(count / (len(grams) + len(self._grams[number]) - count) >= JACCARD for number, count in shared.items()):
            return False
        for gram in grams:
            self._holding.setdefault(gram, []).append(len(self._grams))
        self._grams.append(grams)
        return True


def _from_json(reply: str) -> Iterator[Drafted]:
    for opening in re.finditer(r"[\[{]", reply):
        try:
            value, _ = json.JSONDecoder().raw_decode(reply, opening.start())
        except json.JSONDecodeError:
            continue
        for row in value if isinstance(value, list) else [value]:
            lowered = {str(key).lower(): text for key, text in row.items()} if isinstance(row, dict) else {}
            for question, answer in KEYS:
                if isinstance(lowered.get(question), str) and isinstance(lowered.get(answer), str):
                    yield Drafted(_tidy(lowered[question]), _tidy(lowered[answer]))
        return


def _tidy(text: str) -> str:
    return " ".join(MARKER.sub("", text).split()).strip("\"'«»“” ")


def unseen(questions: Sequence[str]) -> Asked:
    """`Asked` with these questions in it."""
    asked = Asked()
    for question in questions:
        asked.add(question)
    return asked
