"""How readily an adapter refuses: an offset on the first token of its refusal, chosen on held-back questions.

A model that has learned to refuse knows better which questions have no answer than how many of them there are: whether it
refuses a third or a tenth of the answerable ones is a matter of where the line is drawn (as the threshold of SQuAD 2.0's own
scoring, Rajpurkar et al. 2018, arXiv 1806.03822). The line is drawn here, and written into the card.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from adapters.data.target import REFUSAL

LEAST_ANSWERABLE, LEAST_UNANSWERABLE = 20, 10
"""With fewer held-back questions of that kind the best offset would be drawn from noise."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a model says to the held-back question of that pair (its id).

    `margin`: nats by which the refusal's first token leads every other (below 0: it answers). `answered` and `refused`: what its
    answer, and what the refusal, is worth, in [0, 1].
    """

    pair: str
    answerable: bool
    margin: float
    answered: float
    refused: float

    def worth(self, offset: float) -> float:
        return self.refused if self.margin + offset > 0 else self.answered


def offset_of(readings: Sequence[Reading], *, over_refusal: float) -> float:
    """What to add to the refusal's logit for the best mean worth, while at most that share of the answerable is refused.

    Lies halfway between two margins. Among equals the one closest to 0. With too few questions of a kind to say what is best it is
    the one closest to 0 that keeps to that share.
    """
    answerable = [reading for reading in readings if reading.answerable]
    if not answerable:
        return 0.0
    margins = sorted({reading.margin for reading in readings})
    between = [-(low + high) / 2 for low, high in pairwise(margins)]
    allowed = [
        offset
        for offset in (0.0, 1.0 - margins[0], -1.0 - margins[-1], *between)
        if sum(reading.margin + offset > 0 for reading in answerable) <= over_refusal * len(answerable)
    ]
    if len(answerable) < LEAST_ANSWERABLE or len(readings) - len(answerable) < LEAST_UNANSWERABLE:
        return min(allowed, key=abs)
    return max(allowed, key=lambda offset: (sum(reading.worth(offset) for reading in readings), -abs(offset)))


def measures(readings: Sequence[Reading], offset: float) -> dict[str, float]:
    """Means in [0, 1], each where there are such questions: `score` of all (0 without questions), `answered` of those with an
    answer and `over_refused`, how many of them are refused; `refused` of those without one. And the `offset` itself."""
    kinds: dict[str, list[float]] = {"score": [], "answered": [], "over_refused": [], "refused": []}
    for reading in readings:
        worth = reading.worth(offset)
        kinds["score"].append(worth)
        kinds["answered" if reading.answerable else "refused"].append(worth)
        if reading.answerable:
            kinds["over_refused"].append(float(reading.margin + offset > 0))
    means = {kind: sum(values) / len(values) for kind, values in kinds.items() if values}
    return {"score": 0.0, **means, "offset": offset}


def first_tokens(tokenizer: Any) -> dict[str, int]:
    """Language of a prompt -> the token that its refusal begins with."""
    return {language: int(tokenizer(text, add_special_tokens=False)["input_ids"][0]) for language, text in REFUSAL.items()}


def bias_of(offset: float, tokenizer: Any) -> dict[int, float]:
    """What a card says: token id -> what is added to its logit. Empty for no offset."""
    return {token: round(offset, 3) for token in sorted(set(first_tokens(tokenizer).values()))} if offset else {}
