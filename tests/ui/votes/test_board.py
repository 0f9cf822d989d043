"""The ranking of votes."""

from __future__ import annotations

import time
from html.parser import HTMLParser

import numpy as np
import pytest

from tests.ui.votes.cast import cast, judged
from ui.votes.board import FEW, board, fit
from ui.votes.record import Record
from ui.votes.table import table
from ui.votes.text import EN, RU

ARMS = ("icl", "zero-shot", "rag", "rag+lora")
STRENGTHS = np.array([-0.9, -0.3, 0.4, 0.8])


def simulated(votes: int, *, seed: int, strengths: np.ndarray = STRENGTHS, ties: float = 0.0) -> list[Record]:
    """Votes on two random panes; the better one wins with the chance that Bradley and Terry give it."""
    rng = np.random.default_rng(seed)
    records = []
    for number in range(votes):
        i, j = rng.choice(len(ARMS), 2, replace=False)
        won = rng.random() < 1 / (1 + np.exp(strengths[j] - strengths[i]))
        choice = "tie" if rng.random() < ties else "A" if won else "B"
        records.append(cast(number, [judged(ARMS[i]), judged(ARMS[j])], choice))
    return records


def test_known_strengths_are_found_again() -> None:
    found = {row.key[0]: row.strength for row in board(simulated(4000, seed=1), resamples=50).rows}
    assert [found[arm] for arm in ARMS] == pytest.approx(STRENGTHS - STRENGTHS.mean(), abs=0.15)


def test_the_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    chance = 1 / (1 + np.exp(STRENGTHS[None, :] - STRENGTHS[:, None]))
    truth = {arm: float(chance[i].sum() - 0.5) / 3 for i, arm in enumerate(ARMS)}
    held = [
        row.low <= truth[row.key[0]] <= row.high
        for seed in range(25)
        for row in board(simulated(200, seed=seed), resamples=200, seed=seed).rows
    ]
    assert 0.85 <= np.mean(held) <= 1.0


def test_the_fit_is_where_the_likelihood_is_flat_whatever_else_is_fitted_with_it() -> None:
    rng = np.random.default_rng(3)
    wins = rng.integers(0, 30, size=(5, 4, 4)).astype(float) * (1 - np.eye(4))
    together, alone = fit(wins), np.concatenate([fit(each[None]) for each in wins])
    assert together == pytest.approx(alone, abs=1e-3)
    chance = 1 / (1 + np.exp(together[:, None, :] - together[:, :, None]))
    expected = ((wins + wins.transpose(0, 2, 1)) * chance).sum(axis=2)
    assert expected == pytest.approx(wins.sum(axis=2), abs=0.2)  # the ridge pulls a little


def test_who_never_lost_is_strong_but_not_infinitely() -> None:
    rows = board([cast(number, [judged("icl"), judged("rag")], "B") for number in range(10)]).rows
    assert [row.key[0] for row in rows] == ["rag", "icl"]
    assert 0.9 < rows[0].share < 1 and (rows[0].won, rows[0].lost, rows[1].lost) == (10, 0, 10)


def test_a_tie_counts_half_and_the_place_in_the_row_does_not_matter() -> None:
    even = [cast(number, [judged("icl"), judged("rag")], choice) for number, choice in enumerate(["tie", "bad", "A", "B"])]
    turned = [
        cast(number, record.answers[::-1], {"A": "B", "B": "A"}.get(record.choice, record.choice)) for number, record in enumerate(even)
    ]
    for records in (even, turned):
        found = board(records)
        assert [row.share for row in found.rows] == pytest.approx([0.5, 0.5])
        assert (found.votes, found.ties, found.bad) == (4, 1, 1) and found.overlap
        assert all((row.won, row.tied, row.lost) == (1, 2, 1) for row in found.rows)


def test_the_best_of_three_beats_both_others_and_they_are_not_compared() -> None:
    rows = {row.key[0]: row for row in board([cast(1, [judged("icl"), judged("rag"), judged("lora", adapter="x")], "B")]).rows}
    assert (rows["rag"].won, rows["icl"].lost, rows["lora"].lost) == (2, 1, 1)
    assert (rows["icl"].won, rows["icl"].tied) == (0, 0)


def test_an_answer_that_failed_has_lost_nothing() -> None:
    rows = board([cast(1, [judged("icl"), judged("rag"), judged("lora", state="failed")], "A")]).rows
    assert {row.key[0] for row in rows} == {"icl", "rag"}


def test_two_adapters_of_one_arm_are_two_ways_of_answering() -> None:
    rows = board([cast(1, [judged("lora", adapter="one"), judged("lora", adapter="two")], "A")]).rows
    assert [row.key[1] for row in rows] == ["one", "two"]


def test_a_thousand_resamples_of_two_thousand_votes_take_no_time() -> None:
    records = simulated(2000, seed=5)
    began = time.process_time()
    board(records)
    assert time.process_time() - began < 3


class Words(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.words = ""
        self.feed(html)

    def handle_data(self, data: str) -> None:
        self.words += data


def test_the_board_says_how_little_few_votes_are_worth() -> None:
    assert EN.none_yet in table(board([]), "en") and RU.none_yet in table(board([]), "ru")
    few = board(simulated(FEW - 1, seed=1))
    assert EN.few.format(FEW - 1) in Words(table(few, "en")).words
    equal = board(simulated(FEW + 30, seed=1, strengths=np.zeros(4), ties=1.0))
    assert RU.overlap in table(equal, "ru")
    apart = board([cast(number, [judged("icl"), judged("rag")], "B" if number % 10 else "A") for number in range(200)])
    assert EN.clear in table(apart, "en")
    assert "1000" in table(apart, "en") and "Bradley" in table(apart, "en")


def test_a_hostile_adapter_name_is_text_on_the_board() -> None:
    html = table(board([cast(1, [judged("lora", adapter="<img src=x>"), judged("rag")], "A")]), "en")
    assert "<img" not in html and "&lt;img" in html
