"""Votes of people, and how far the judge agrees with them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from eval.agreement import FEW, agreement
from eval.evaluate import evaluate
from eval.judge import WINNERS
from eval.request import Request
from eval.runs import VOTES
from eval.types import Case
from eval.votes import Vote, as_lines, read_votes, to_judge
from rag.errors import InputError
from rag.qa import Pair
from rag.settings import Settings
from rag.types import Message
from tests.eval.judge_server import fair, judging, part

VOTE = Vote("How many?", "rag", "icl", "sixteen", "four", "a", (Message("user", "Bytes?"), Message("assistant", "Yes.")))


def drawn(n: int, same: float, *, seed: int) -> tuple[dict[str, str], dict[str, str]]:
    """People at random; the judge says the same in that share of the votes, else something at random."""
    dice = np.random.default_rng(seed)
    human = [WINNERS[k] for k in dice.integers(0, 3, n)]
    judged = [own if dice.random() < same else WINNERS[dice.integers(0, 3)] for own in human]
    return dict(zip(map(str, range(n)), judged, strict=True)), dict(zip(map(str, range(n)), human, strict=True))


def test_kappa_is_scikit_learns_on_what_both_judged() -> None:
    judged = {"1": "first", "2": "tie", "3": "second", "4": "first"}
    human = {"1": "first", "2": "first", "3": "second", "5": "tie"}
    found = agreement(judged, human)
    assert (found.n, found.questions) == (3, 3)
    assert found.agreed == pytest.approx(2 / 3)
    assert found.kappa == pytest.approx(cohen_kappa_score(["first", "tie", "second"], ["first", "first", "second"]))
    with pytest.raises(InputError, match="No vote"):
        agreement(judged, {"9": "tie"})


def test_where_both_say_one_and_the_same_thing_there_is_no_kappa_to_boast_of() -> None:
    found = agreement({"1": "tie", "2": "tie"}, {"1": "tie", "2": "tie"})
    assert (found.kappa, found.low, found.agreed, found.few) == (None, None, 1.0, True)


def test_a_judge_who_always_says_the_same_has_kappa_0_and_no_interval() -> None:
    found = agreement(dict.fromkeys("1234", "tie"), {"1": "tie", "2": "first", "3": "second", "4": "tie"})
    assert (found.kappa, found.low, found.high, found.agreed) == (0.0, None, None, 0.5)


def test_perfect_agreement_is_1_and_chance_is_0() -> None:
    judged, human = drawn(300, 1.0, seed=1)
    assert agreement(judged, human).kappa == 1.0
    judged, human = drawn(3000, 0.0, seed=2)
    found = agreement(judged, human)
    assert found.low is not None and found.high is not None and found.low < 0 < found.high and not found.few


def test_the_interval_holds_the_true_kappa_about_as_often_as_it_says() -> None:
    """Two of three agree by design: with uniform marginals kappa is that share."""
    held = []
    for seed in range(60):
        found = agreement(*drawn(80, 0.6, seed=seed))
        assert found.low is not None and found.high is not None
        held.append(found.low <= 0.6 <= found.high)
    assert np.mean(held) >= 0.86  # 0.95 less three standard deviations of 60 draws


def test_votes_on_one_question_stand_or_fall_together() -> None:
    judged, human = drawn(60, 0.5, seed=3)
    apart = agreement(judged, human)
    copies = {f"{vote}-{copy}": winner for vote, winner in judged.items() for copy in range(5)}
    again = {f"{vote}-{copy}": winner for vote, winner in human.items() for copy in range(5)}
    together = agreement(copies, again, questions={vote: vote.split("-")[0] for vote in copies})
    assert (together.n, together.questions) == (300, 60)
    assert [together.kappa, together.low, together.high] == pytest.approx([apart.kappa, apart.low, apart.high])
    assert agreement(dict.fromkeys("12", "tie"), {"1": "tie", "2": "first"}, questions={"1": "q", "2": "q"}).low is None


def test_few_votes_say_so() -> None:
    assert agreement(*drawn(FEW - 1, 0.8, seed=4)).few and not agreement(*drawn(FEW, 0.8, seed=4)).few


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    file = tmp_path / "votes.jsonl"
    votes = (VOTE, Vote("Кто?", "rag", "icl", "да\u2028", "", "bad"))
    file.write_text(as_lines(votes), encoding="utf-8")
    assert read_votes(file) == votes
    assert as_lines([Vote("half \ud800", "a", "b", "x", "y", "tie")]).encode()


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("[]", "a JSON object is expected"),
        ("{", "Expecting property name"),
        (json.dumps({**json.loads(as_lines([VOTE])), "vote": "c"}), "`vote` must be one of a, b, tie, bad, not 'c'"),
        (json.dumps({"question": " ", "vote": "a"}), "`arm_a` must be a text.*`question` is empty"),
        (json.dumps({**json.loads(as_lines([VOTE])), "history": [{"role": "robot"}]}), "`history` must be"),
    ],
)
def test_every_wrong_line_is_named(row: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "votes.jsonl"
    file.write_text(as_lines([VOTE]) + row + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=rf"votes\.jsonl:2: .*{said}"):
        read_votes(file)


def test_a_file_without_votes_is_no_file_of_votes(tmp_path: Path) -> None:
    (tmp_path / "none.jsonl").write_text("\n", encoding="utf-8")
    with pytest.raises(InputError, match="There are no votes"):
        read_votes(tmp_path / "none.jsonl")
    with pytest.raises(InputError, match="cannot be read"):
        read_votes(tmp_path / "absent.jsonl")


def test_a_question_of_the_run_brings_its_accepted_answers_and_another_is_judged_without() -> None:
    known = Case(Pair("1", "How  many?", ("sixteen",)))
    plain = Vote("How many?", "a", "b", "x", "y", "a")
    ((one, *_), (other, *_), (hopeless, *_)) = to_judge(
        [plain, VOTE, Vote("Why?", "a", "b", "x", "y", "b")], [known, Case(Pair("2", "Why?", answerable=False))]
    )
    assert one.pair.answers == ("sixteen",) and other.pair.answers == () and other.pair.answerable and other.pair.history
    assert not hopeless.pair.answerable
    assert [one.id, other.id, hopeless.id] == ["0", "1", "2"]


def test_the_judge_is_measured_on_the_very_answers_that_people_saw(indexed: Settings, qa: Path) -> None:
    rank = "What is the usual rank of a LoRA adapter?"
    votes = [
        Vote(rank, "rag", "icl", "sixteen", "four", "a"),
        Vote(rank, "rag", "icl", "seven", "it is sixteen", "b"),
        Vote("How many moments does Adam keep?", "rag", "icl", "bread", "milk", "bad"),
        Vote("How many moments does Adam keep?", "icl", "rag", "two", "nine", "b"),
        Vote("Is the judge broken?", "icl", "rag", "yes", "no", "a"),
    ]
    retries = indexed.model_copy(update={"generate": indexed.generate.model_copy(update={"retries": 0})})
    with judging(lambda prompt: 500 if "broken" in part(prompt, "question") else fair(prompt)) as (target, asked):
        run, folder = evaluate(Request((qa,), ("icl",), judge=target), retries, votes=votes)
        again, _ = evaluate(Request((qa,), ("icl",), judge=target), retries, resume=folder)
    found = run.judged["votes"]
    assert (found["votes"], found["n"], found["failures"], found["questions"]) == (5, 4, 1, 2)
    assert found["agreed"] == 0.75 and found["few"]
    theirs = ["first", "second", "tie", "second"]
    assert found["kappa"] == pytest.approx(cohen_kappa_score(["first", "second", "tie", "first"], theirs))
    assert any(part(prompt, "reply_a") == "it is sixteen" for prompt in asked.prompts)
    assert (folder / VOTES).is_file() and again.judged == run.judged  # a resume knows them without being told
