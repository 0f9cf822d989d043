"""What to search for when a question leans on the conversation: "and in Russian?", "why?", "а сколько он занимает?"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.index.words import compounds
from rag.types import Message

LEANING = re.compile(
    r"\b(?:it|its|they|them|their|theirs|this|that|these|those|he|him|his|she|hers?|there|ones?|former|latter|same|such|both|"
    r"он|его|него|ему|нему|им|ним|нём|она|её|ее|ей|неё|нее|они|их|них|ними|это|этот|эта|эти|этого|этой|этих|этому|этим|этом|"
    r"тот|та|те|того|той|тех|там|тогда|такой|такая|такие|такое|оба|обе)\b",
    re.IGNORECASE,
)
"""Words that stand for something said before."""
OPENERS = re.compile(
    r"^\W*(?:and|but|or|so|also|why|how so|how about|what about|what else|which one|then|ok(?:ay)?|yes|no|"
    r"а|и|но|или|тогда|почему|зачем|ещё|еще|как насчёт|как насчет|что ещё|что еще|да|нет)\b",
    re.IGNORECASE,
)
SHORT = 3
"""A question of at most this many words says too little to be searched for alone."""


def leans_on_history(question: str) -> bool:
    """Whether the question can hardly be understood without the turns before it."""
    return len(compounds(question)) <= SHORT or bool(OPENERS.match(question)) or bool(LEANING.search(question))


def search_query(question: str, history: Sequence[Message]) -> str:
    """The text to retrieve with: the question alone, or behind the user's earlier questions that it leans on.

    Goes back turn by turn until a question that stands on its own. No model rewrites the question: the small default
    model changes its meaning too often.
    """
    asked = [message.content for message in history if message.role == "user"]
    parts = [question]
    while asked and leans_on_history(parts[0]):
        parts.insert(0, asked.pop())
    return "\n".join(parts)
