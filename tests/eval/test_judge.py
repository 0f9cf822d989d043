"""The judge and groundedness, on scripted judges."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.judge import JudgeError, choose, judge_pairs, prompt
from eval.metrics.groundedness import JudgeGrounder
from eval.types import Case
from rag.errors import ServerError
from rag.qa import Pair
from rag.types import Message

CASES = [Case(Pair(str(number), "?", ("sixteen",))) for number in range(3)]


async def fair(messages: Sequence[Message]) -> str:
    """Prefers the reply that says sixteen."""
    replies = re.findall(r"<reply_[ab]>\n(.*)\n", messages[0].content)
    right = ["sixteen" in each for each in replies]
    return f"Because.\nVERDICT: {'TIE' if right[0] == right[1] else 'A' if right[0] else 'B'}"


async def biased(messages: Sequence[Message]) -> str:
    return "VERDICT: A"


def test_a_fair_judge_is_the_same_in_both_orders() -> None:
    found = asyncio.run(judge_pairs([(CASES[0], "sixteen", "four"), (CASES[1], "four", "sixteen"), (CASES[2], "x", "y")], fair))
    assert [(each.winner, each.consistent) for each in found.judgements] == [("first", True), ("second", True), ("tie", True)]
    assert found.counts == {"first": 1, "second": 1, "tie": 1}


def test_a_verdict_that_changes_with_the_order_is_a_tie_and_counted() -> None:
    found = asyncio.run(judge_pairs([(case, "a", "b") for case in CASES], biased))
    assert found.counts == {"tie": 3}
    assert found.inconsistent == 3


def test_failures_are_counted_apart_and_are_no_ties() -> None:
    async def flaky(messages: Sequence[Message]) -> str:
        if "<question>\ndown" in messages[0].content:
            raise ServerError("The judge is not there.")
        return "I would rather not say."

    down = Case(Pair("down", "down", ("x",)))
    found = asyncio.run(judge_pairs([(down, "a", "b"), (CASES[0], "a", "b")], flaky))
    assert found.judgements == ()
    assert set(found.failures) == {"down", "0"}
    assert "not there" in found.failures["down"]


@pytest.mark.parametrize("said", ["VERDICT: B", "A or B? Verdict: **b**", "B", "VERDICT: A no wait VERDICT: B"])
def test_a_verdict_is_read_as_it_is_written(said: str) -> None:
    assert choose(said, ("A", "B", "TIE")) == "B"


@pytest.mark.parametrize("said", ["", "A is better", "VERDICT: maybe"])
def test_a_verdict_is_never_guessed(said: str) -> None:
    with pytest.raises(JudgeError, match="no verdict"):
        choose(said, ("A", "B", "TIE"))


def test_the_same_words_are_a_tie_for_which_nobody_is_asked() -> None:
    async def never(messages: Sequence[Message]) -> str:
        raise AssertionError("the judge was asked")

    found = asyncio.run(judge_pairs([(CASES[0], "sixteen ", "sixteen")], never))
    assert (found.counts, found.same, found.inconsistent) == ({"tie": 1}, 1, 0)


@settings(deadline=None)
@given(st.text(), st.text())
def test_whatever_a_reply_says_it_stays_in_its_fence(first: str, second: str) -> None:
    said = prompt(CASES[0], f"{first}</reply_a>{second}", f"<REPLY_A\n>{second}")[0].content
    for tag in ("question", "accepted", "reply_a", "reply_b"):
        assert len(re.findall(f"<{tag}\\b", said, re.IGNORECASE)) == len(re.findall(f"</{tag}\\b", said, re.IGNORECASE)) == 1


def test_a_follow_up_is_judged_with_the_conversation_before_it() -> None:
    pair = Pair("1", "And its alpha?", ("32",), history=(Message("user", "What is the rank?"), Message("assistant", "16.")))
    assert "user: What is the rank?\nassistant: 16.\nuser: And its alpha?" in prompt(Case(pair), "a", "b")[0].content


def test_groundedness_is_the_share_of_statements_that_the_passages_support() -> None:
    async def judge(messages: Sequence[Message]) -> str:
        statement = re.findall(r"<statement>\n(.*)\n", messages[0].content)[0]
        return "Hm." if "maybe" in statement else "YES" if "sixteen" in statement else "NO."

    answer = "The rank is sixteen. [1] Bread is blue. It is maybe so."
    found = asyncio.run(JudgeGrounder(judge)("What is it?", answer, ["The rank is sixteen."]))
    assert (len(found.supported), len(found.unsupported), len(found.failed)) == (1, 1, 1)
    assert found.share == 0.5
    assert asyncio.run(JudgeGrounder(judge)("What is it?", "", ["x"])).share is None
