"""Leakage: the same question in other clothes is found, another question is not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from adapters.data.leakage import COSINE, check, drop, leakage
from adapters.data.split import split
from rag.embed.hashing import HashEmbedder
from rag.errors import InputError, UserError
from rag.qa import Pair
from rag.types import Message


def asked(name: str, question: str, *docs: str) -> Pair:
    return Pair(name, question, ("x",), docs)


def found(one: str, other: str) -> list[tuple[str, float]]:
    report = leakage([asked("t", one, "a.md")], [asked("h", other, "b.md")])
    return [(finding.kind, round(finding.score, 2)) for finding in report.findings]


@pytest.mark.parametrize(
    ("one", "other", "kinds"),
    [
        ("What is the rank of LoRA?", "what is the RANK of lora", [("exact", 1.0)]),
        ("Что такое ёж?", "что такое еж", [("exact", 1.0)]),
        ("When was the mill on the hill built?", "Please tell: when was the mill on the hill built by him?", [("n-gram", 1.0)]),
        ("When was the old mill built by the duke of York?", "When was the old mill built by the duke of Kent?", [("n-gram", 0.89)]),
        ("When was the mill on the hill built?", "When was the inn on the road built?", []),
        ("What is the default value of alpha in LoRA?", "What is the default value of seed in TRL?", []),
        ("What is it?", "What is it called in France?", []),
        ("Why?", "Who?", []),
    ],
)
def test_shared_runs_of_words_are_found_and_other_words_in_the_middle_make_another_question(
    one: str, other: str, kinds: list[tuple[str, float]]
) -> None:
    assert found(one, other) == kinds


def test_thresholds_are_arguments() -> None:
    pairs = [asked("t", "When was the mill on the hill built?")], [asked("h", "When was the inn on the road built?")]
    assert leakage(*pairs, jaccard=0.05).counts == {"n-gram": 1}


def vectors_at(cosine: float) -> NDArray[np.float32]:
    return np.array([[1.0, 0.0], [cosine, np.sqrt(1 - cosine**2)]], dtype=np.float32)


@pytest.mark.parametrize(("cosine", "leaks"), [(0.80, False), (0.90, False), (COSINE - 0.01, False), (COSINE + 0.001, True)])
def test_only_a_paraphrase_is_near_enough_for_an_embedder_whose_unrelated_questions_are_near(cosine: float, leaks: bool) -> None:
    rows = vectors_at(cosine)

    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        return np.array([rows[0] if text == "Who built it?" else rows[1] for text in texts])

    report = leakage([asked("t", "Who built it?")], [asked("h", "By whom has this been made?")], embed)
    assert [(finding.kind, finding.train, finding.held_back) for finding in report.findings] == ([("embedding", "t", "h")] if leaks else [])
    assert all(abs(finding.score - cosine) < 1e-5 for finding in report.findings)


def test_an_embedder_finds_the_same_words_in_another_order() -> None:
    pairs = [asked("t", "the rank of LoRA is what ?")], [asked("h", "what is the rank of LoRA ?")]
    assert leakage(*pairs, HashEmbedder().embed_queries).counts == {"embedding": 1}


def test_the_same_document_and_its_translation_are_found_once_per_training_question() -> None:
    train = [asked("1", "Who?", "en/a.md"), asked("2", "When?", "c.md", "en/a.md")]
    report = leakage(train, [asked("8", "Where?", "ru/a.md"), asked("9", "How so?", "ru/a.md")])
    assert [(finding.train, finding.held_back, finding.kind) for finding in report.findings] == [("1", "8", "document")]


def test_follow_ups_are_compared_with_what_they_follow() -> None:
    def turn(name: str, before: str) -> Pair:
        return Pair(name, "Why?", ("x",), history=(Message("user", before), Message("assistant", "So.")))

    assert not leakage([turn("t", "Is the sky blue?")], [turn("h", "Does bread rise in the oven?")]).findings
    assert leakage([turn("t", "Is the sky blue?")], [turn("h", "Is the sky blue?")]).counts == {"exact": 1}


LEAKING = [asked("t1", "What is the rank of LoRA?", "a.md"), asked("t2", "Who built the mill?", "b.md")]
HELD = [asked("h1", "What is the rank of LoRA?", "c.md")]


def test_a_leak_stops_the_run_in_one_line_with_the_first_findings() -> None:
    with pytest.raises(UserError) as raised:
        check(LEAKING, leakage(LEAKING, HELD), "stop")
    assert "1 of 2 training questions" in str(raised.value) and "t1 = h1 (exact, 1.00)" in str(raised.value)
    assert "train.leakage=drop" in str(raised.value)


def test_leaks_are_dropped_or_allowed_when_told_so() -> None:
    report = leakage(LEAKING, HELD)
    assert [pair.id for pair in check(LEAKING, report, "drop")] == ["t2"]
    assert check(LEAKING, report, "allow") == LEAKING
    with pytest.raises(InputError, match="All 1"):
        check(LEAKING[:1], report, "drop")


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 8)), min_size=2, max_size=30))
def test_what_was_dropped_leaks_no_more_and_a_split_never_leaks_words_or_documents(rows: list[tuple[int, int]]) -> None:
    pairs = [asked(str(number), f"What is number {words} of the list?", f"{page}.md") for number, (words, page) in enumerate(rows)]
    half = len(pairs) // 2
    report = leakage(pairs[:half], pairs[half:])
    assert not leakage(drop(pairs[:half], report), pairs[half:]).findings
    try:
        parts = split(pairs, 0.3, 0)
    except InputError:
        return
    assert not {"exact", "document"} & leakage(parts.train, parts.validation).counts.keys()
