"""Why a question was lost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from eval.attribution import CAUSES, attribute
from eval.scoring import score
from eval.types import Case, Lost, Passage, Reply, Retrieval
from rag.qa import Pair

GOLD = Passage(1, "lora.md", 0, 40, "The usual rank of a LoRA adapter is sixteen, though four works.")
WRONG = Passage(2, "bread.md", 0, 30, "Bread is baked at 220 degrees.")
CASE = Case(Pair("1", "What is the usual rank?", ("sixteen",), ("lora.md",), language="en"))
HOPELESS = Case(Pair("2", "Who bakes it?", answerable=False, language="en"))


def lost(*replies: Reply, case: Case = CASE, retrieval: Retrieval | None = None) -> dict[str, Lost]:
    found = retrieval or Retrieval(case.id, "?", ("lora.md", "bread.md"), (GOLD, WRONG))
    scores = [score(case, found, reply) for reply in replies]
    return {each.arm: each for each in attribute([case], [found], replies, scores)}


def reply(text: str, *passages: Passage, arm: str = "rag", refused: bool = False, case: str = "1") -> Reply:
    return Reply(case, arm, text, refused, passages=passages)


def test_a_right_answer_is_not_lost() -> None:
    assert lost(reply("sixteen", GOLD)) == {}
    assert lost(reply("I don't know", GOLD, refused=True, case="2"), case=HOPELESS) == {}


def test_an_answer_to_what_the_corpus_does_not_hold_is_a_missed_refusal() -> None:
    assert lost(reply("Bakers", GOLD, case="2"), case=HOPELESS)["rag"].cause == "missed refusal"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (reply("220 degrees", WRONG), "retrieval miss"),
        (reply("I don't know", WRONG, refused=True), "retrieval miss"),
        (reply("I don't know", GOLD, WRONG, refused=True), "wrong refusal"),
        (reply("It is the usual rank of an adapter, which is sixteen in most of the papers", GOLD), "format"),
        (reply("four works", GOLD), "misread"),
        (reply("seventy elephants", GOLD), "context ignored"),
        (reply("seventy", arm="icl"), "not known"),
        (reply("I don't know", arm="lora", refused=True), "not known"),
        (reply("seventy", arm="their system"), "not known"),
    ],
)
def test_the_passages_and_the_words_of_the_reply_tell_most_causes(given: Reply, expected: str) -> None:
    found = lost(given, retrieval=Retrieval("1", "?", ("bread.md",), (WRONG,)))[given.arm]
    assert (found.cause, found.basis) == (expected, ())
    assert found.cause in CAUSES


def test_what_was_found_but_not_packed_was_dropped_by_the_budget() -> None:
    ranked = Retrieval("1", "?", ("bread.md", "lora.md"), (WRONG,), dropped=(("lora.md", "budget"),))
    assert lost(reply("220 degrees", WRONG), retrieval=ranked)["rag"].cause == "dropped by the budget"


def test_a_shuffled_arm_lost_its_questions_to_retrieval_not_to_the_budget() -> None:
    """Its passages are not those that were found, whatever these were."""
    found = lost(reply("sixteen", GOLD), reply("220 degrees", WRONG, arm="shuffled"), reply("220 degrees", WRONG, arm="rag#2"))
    assert {arm: each.cause for arm, each in found.items()} == {"shuffled": "retrieval miss", "rag#2": "retrieval miss"}


def test_the_same_answer_over_other_passages_shows_that_the_context_was_ignored() -> None:
    found = lost(reply("four works", GOLD), reply("four works", WRONG, arm="shuffled"))["rag"]
    assert (found.cause, found.basis) == ("context ignored", ("shuffled",))


def test_a_right_answer_over_the_gold_passage_alone_shows_it_too() -> None:
    found = lost(reply("four works", GOLD, WRONG), reply("sixteen", GOLD, arm="oracle"))["rag"]
    assert (found.cause, found.basis) == ("context ignored", ("oracle",))


def test_the_same_answer_without_any_passages_is_prior_knowledge() -> None:
    found = lost(reply("seventy", GOLD), reply("Seventy.", arm="icl"), reply("seventy", WRONG, arm="shuffled"))["rag"]
    assert (found.cause, found.basis) == ("prior knowledge", ("icl",))


def test_an_adapter_is_judged_by_its_own_closed_book_answer_first() -> None:
    found = lost(reply("seventy", GOLD, arm="rag+lora:mine"), reply("seventy", arm="lora:mine"), reply("seventy", arm="icl"))
    assert found["rag+lora:mine"].basis == ("lora:mine",)


def test_an_oracle_with_other_weights_proves_nothing_about_an_adapter() -> None:
    found = lost(reply("four works", GOLD, arm="rag+lora"), reply("sixteen", GOLD, arm="oracle"))["rag+lora"]
    assert (found.cause, found.basis) == ("misread", ())


def test_whose_weights_answered_is_told_by_the_identity_of_the_reply() -> None:
    mine = {"model": "small", "adapter_sha256": "abc"}
    given = replace(reply("four works", GOLD, arm="rag+lora"), identity=mine)
    own = replace(reply("sixteen", GOLD, arm="oracle:mine"), identity=mine)
    base = replace(reply("sixteen", GOLD, arm="oracle"), identity={"model": "small", "adapter_sha256": ""})
    assert lost(given, base)["rag+lora"].cause == "misread"
    assert lost(given, base, own)["rag+lora"].basis == ("oracle:mine",)


def test_where_the_diagnostics_ran_and_agree_the_passage_was_misread() -> None:
    found = lost(reply("four works", GOLD), reply("four", GOLD, arm="oracle"), reply("bread", WRONG, arm="shuffled"))["rag"]
    assert (found.cause, found.basis) == ("misread", ("shuffled", "oracle"))


def test_a_failure_has_no_cause() -> None:
    assert attribute([CASE], [], [], []) == ()


def test_the_threshold_says_what_counts_as_lost() -> None:
    half = reply("sixteen or so they say", GOLD)
    scores = [score(CASE, None, half)]
    assert attribute([CASE], [], [half], scores)[0].cause == "format"
    assert attribute([CASE], [], [half], scores, threshold=0.1) == ()
