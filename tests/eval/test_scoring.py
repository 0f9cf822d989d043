"""The metrics of one reply: which apply, and what they are worth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import label_ranking_average_precision_score

from eval.metrics.ranking import recall_at, reciprocal_rank_at
from eval.metrics.similarity import similarities
from eval.scoring import MEASURED, METRICS, score
from eval.types import Case, Passage, Reply, Retrieval
from rag.embed.hashing import HashEmbedder
from rag.qa import Pair

GOLD = Passage(1, "lora.md", 0, 27, "The usual rank is sixteen.")
ANSWERABLE = Case(Pair("1", "What is the usual rank?", ("sixteen",), ("lora.md",), language="en"))
UNANSWERABLE = Case(Pair("2", "Who bakes bread?", answerable=False, language="en"))
FOUND = Retrieval("1", "?", ("other.md", "other.md", "lora.md"), (GOLD,))


def rag(text: str, *, refused: bool = False, cited: tuple[tuple[str, str], ...] = (), arm: str = "rag") -> Reply:
    return Reply("1", arm, text, refused, cited=cited, passages=(GOLD,), first_token=0.2, total=0.5, prompt_tokens=90, answer_tokens=3)


def test_every_metric_of_the_registry_can_be_scored_and_no_other() -> None:
    cited = (("lora.md", "rank is sixteen"),)
    whole = score(ANSWERABLE, FOUND, rag("sixteen", refused=True, cited=cited), measured={"similarity": 0.9, "groundedness": 1.0}).values
    unanswerable = score(UNANSWERABLE, FOUND, rag("I don't know", refused=True)).values
    assert {*whole, *unanswerable} == set(METRICS)


def test_a_right_answer_scores_1_and_documents_count_at_their_best_rank() -> None:
    values = score(ANSWERABLE, FOUND, rag("Sixteen. [1]", cited=(("lora.md", "rank is sixteen"),))).values
    assert all(
        values[name] == 1 for name in ("em", "f1", "containment", "rouge_l", "em_all", "f1_all", "answer_in_context", "refusal_right")
    )
    assert (values["hit@1"], values["hit@3"], values["MRR@10"], values["recall@5"]) == (0, 1, 0.5, 1)
    assert (values["citation_precision"], values["quote_verbatim"], values["over_refusal"]) == (1, 1, 0)


def test_what_does_not_apply_is_absent_and_not_zero() -> None:
    closed = score(ANSWERABLE, FOUND, Reply("1", "icl", "sixteen")).values
    assert not {"hit@1", "answer_in_context", "citation_precision", "refusal_recall", "refusal_precision", "first_token"} & set(closed)
    unanswerable = score(UNANSWERABLE, FOUND, rag("bakers")).values
    assert not {"em", "f1", "rouge_l", "hit@1", "over_refusal", "answer_in_context", "similarity"} & set(unanswerable)
    assert (unanswerable["refusal_recall"], unanswerable["refusal_right"], unanswerable["f1_all"]) == (0, 0, 0)


def test_a_retrieval_is_scored_only_for_the_arms_that_answer_from_it() -> None:
    assert "hit@1" in score(ANSWERABLE, FOUND, rag("x", arm="rag+lora:mine#2")).values
    assert "hit@1" not in score(ANSWERABLE, FOUND, rag("x", arm="shuffled")).values
    assert "answer_in_context" in score(ANSWERABLE, FOUND, rag("x", arm="shuffled")).values


def test_an_arm_that_found_nothing_had_no_answer_in_its_context() -> None:
    empty = Retrieval("1", "?", (), ())
    assert score(ANSWERABLE, empty, Reply("1", "rag", "x")).values["answer_in_context"] == 0


def test_an_abstention_took_no_time_that_could_be_averaged() -> None:
    values = score(ANSWERABLE, FOUND, Reply("1", "rag", "not there", refused=True, abstained=True, total=0.01)).values
    assert not {"total", "first_token", "answer_tokens"} & set(values)
    assert values["over_refusal"] == 1


def test_only_metrics_that_are_measured_elsewhere_can_be_handed_in() -> None:
    with pytest.raises(ValueError, match="f1"):
        score(ANSWERABLE, FOUND, rag("x"), measured={"f1": 1.0})
    with pytest.raises(ValueError, match="finite"):
        score(ANSWERABLE, FOUND, rag("x"), measured={"similarity": float("nan")})


@given(st.text(max_size=60), st.booleans(), st.sampled_from([ANSWERABLE, UNANSWERABLE]))
def test_shares_lie_between_0_and_1_and_binary_ones_are_0_or_1(text: str, refused: bool, case: Case) -> None:
    values = score(case, FOUND, rag(text, refused=refused, cited=(("lora.md", text),))).values
    for name, value in values.items():
        if name not in {"first_token", "total", "prompt_tokens", "answer_tokens"} | MEASURED:
            assert 0 <= value <= 1 + 1e-12
        assert not METRICS[name].binary or value in (0, 1)


@given(st.permutations("abcdef"), st.sampled_from("abcdef"))
def test_the_reciprocal_rank_of_one_relevant_document_agrees_with_scikit_learn(ranked: list[str], relevant: str) -> None:
    truth = [[name == relevant for name in ranked]]
    expected = label_ranking_average_precision_score(truth, [[-rank for rank in range(len(ranked))]])
    assert reciprocal_rank_at(ranked, {relevant}, 10) == pytest.approx(expected, abs=0)
    assert recall_at(ranked, {relevant}, 3) == float(ranked.index(relevant) < 3)


def test_similarity_is_1_with_itself_and_takes_the_closest_answer() -> None:
    embedder = HashEmbedder()

    def embed(texts: object) -> NDArray[np.float32]:
        return embedder.embed_queries(list(texts))  # type: ignore[call-overload]

    same, best, alone = similarities(
        ["sixteen bytes", "sixteen bytes", "sixteen bytes"], [["sixteen bytes"], ["bread", "sixteen"], ["bread"]], embed
    )
    assert same == pytest.approx(1, abs=1e-6)
    assert alone < best < same
    assert similarities([], [], embed) == []
    with pytest.raises(ValueError, match="accepted"):
        similarities(["x"], [[]], embed)
