"""Who wins the votes: Bradley-Terry strengths with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ui.votes.record import Record

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

RESAMPLES = 1000
RIDGE = 0.05
"""Weight of the prior that all are equal: without it who never lost would be infinitely strong. Worth about a fifth of a vote."""
FEW = 30
"""Votes below which the board warns of itself."""
Key = tuple[str, str, str]
"""Arm, adapter ("" for none), model."""


@dataclass(frozen=True, slots=True)
class Row:
    """One way of answering. `strength` is a log-odds, 0 on average; `share` of comparisons it should win against the others on average.

    `low` and `high` bound the share (95 %, percentiles of the bootstrap). `won`, `tied`, `lost` count comparisons of two answers.
    """

    key: Key
    strength: float
    share: float
    low: float
    high: float
    won: int
    tied: int
    lost: int


@dataclass(frozen=True, slots=True)
class Board:
    """`rows`: the strongest first. `votes` of which `ties` and `bad` ones named no better answer. Thumbs are counted over all answers."""

    rows: tuple[Row, ...]
    votes: int
    ties: int
    bad: int
    up: int
    down: int
    corrected: int

    @property
    def few(self) -> bool:
        return self.votes < FEW

    @property
    def overlap(self) -> bool:
        """Whether the first two cannot be told apart."""
        return len(self.rows) > 1 and self.rows[0].low <= self.rows[1].high


def board(records: Sequence[Record], *, resamples: int = RESAMPLES, seed: int = 0) -> Board:
    """The board of these votes. Votes are resampled, not comparisons: those of one vote go together."""
    voted = [record for record in records if record.choice]
    answers = [answer for record in records for answer in record.answers]
    choices = [record.choice for record in voted]
    return Board(
        tuple(_rows(voted, resamples, seed)),
        len(voted),
        choices.count("tie"),
        choices.count("bad"),
        sum(answer.thumb > 0 for answer in answers),
        sum(answer.thumb < 0 for answer in answers),
        sum(bool(answer.correction) for answer in answers),
    )


def _rows(voted: Sequence[Record], resamples: int, seed: int) -> list[Row]:
    import numpy as np

    keys = sorted({answer.key for record in voted for answer in record.answers if answer.state == "done"})
    if len(keys) < 2:
        return []
    wins = np.stack([_wins(record, keys) for record in voted])
    draws = np.random.default_rng(seed).multinomial(len(voted), np.full(len(voted), 1 / len(voted)), size=resamples)
    resampled = np.tensordot(draws.astype(np.float64), wins, axes=1)
    strengths = fit(np.concatenate([wins.sum(axis=0)[None], resampled]))
    shares = _shares(strengths)
    low, high = np.quantile(shares[1:], [0.025, 0.975], axis=0)
    won, tied = (wins == 1).sum(axis=(0, 2)), (wins == 0.5).sum(axis=(0, 2))
    lost = (wins == 1).sum(axis=(0, 1))
    order = np.argsort(-strengths[0], kind="stable")
    return [
        Row(
            keys[i], float(strengths[0, i]), float(shares[0, i]), float(min(low[i], shares[0, i])), float(max(high[i], shares[0, i])),
            int(won[i]), int(tied[i]), int(lost[i]),
        )
        for i in order
    ]  # fmt: skip


def _wins(record: Record, keys: Sequence[Key]) -> Array:
    """[i, j]: what i won against j in this vote: 1, or 1/2 for a tie. Answers that failed are compared with nothing."""
    import numpy as np

    found = np.zeros((len(keys), len(keys)))
    done = [(letter, keys.index(answer.key)) for letter, answer in zip("ABCD", record.answers, strict=False) if answer.state == "done"]
    for letter, i in done:
        for other, j in done:
            if i == j:
                continue
            if record.choice in ("tie", "bad"):
                found[i, j] = 0.5
            elif letter == record.choice and other != record.choice:
                found[i, j] = 1.0
    return found


def fit(wins: Array) -> Array:
    """Strengths [n, players] of n tables of wins [n, players, players], each with mean 0.

    P(i beats j) = 1 / (1 + exp(s_j - s_i)) (Bradley and Terry, 1952, Rank Analysis of Incomplete Block Designs, Biometrika 39).
    The likelihood with a small ridge is maximised for all tables at once: they do not touch each other.
    """
    import numpy as np
    from scipy.optimize import minimize
    from scipy.special import expit

    shape = wins.shape[:2]

    def loss(flat: Array) -> tuple[float, Array]:
        strengths = flat.reshape(shape)
        gaps = strengths[:, :, None] - strengths[:, None, :]
        lost = (wins * np.logaddexp(0.0, -gaps)).sum() + RIDGE / 2 * (strengths**2).sum()
        surprise = wins * expit(-gaps)  # of each win of i over j
        slope = surprise.sum(axis=1) - surprise.sum(axis=2) + RIDGE * strengths
        return float(lost), slope.reshape(-1)

    found = minimize(loss, np.zeros(shape).reshape(-1), jac=True, method="L-BFGS-B", options={"maxiter": 500, "ftol": 1e-12, "gtol": 1e-5})
    strengths: Array = found.x.reshape(shape)
    strengths -= strengths.mean(axis=1, keepdims=True)
    return strengths


def _shares(strengths: Array) -> Array:
    """Mean chance against each of the others."""
    from scipy.special import expit

    chance: Array = expit(strengths[:, :, None] - strengths[:, None, :])
    players = strengths.shape[1]
    shares: Array = (chance.sum(axis=2) - 0.5) / (players - 1)
    return shares
