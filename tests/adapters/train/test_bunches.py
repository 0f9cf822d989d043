"""Rows of several examples: nothing is lost, nobody sees another's branch, and loss and gradients are those of the single examples."""

from __future__ import annotations

import random
from typing import Literal

import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from adapters.data.tokens import Encoded
from adapters.tiny import tiny_model
from adapters.train.attention import by_rows, row_of
from adapters.train.batches import answer_loss, collate
from adapters.train.bunches import Bunch, bunched, positions, single
from rag.errors import ModelError

ARCHITECTURES = ("qwen2", "llama")


def about(passage: int, questions: int, *, beginning: int = 40) -> list[Encoded]:
    """Examples with one beginning and their own questions and answers."""
    rng = random.Random(passage)
    begin = [rng.randrange(5, 60) for _ in range(beginning)]
    return [
        Encoded((*begin, *(rng.randrange(5, 60) for _ in range(6 + number)), 3, 4), beginning + 3 + number % 3)
        for number in range(questions)
    ]


def examples_of(bunch: Bunch) -> list[Encoded]:
    """The single examples again."""
    begin = bunch.ids[: bunch.shared]
    return [Encoded((*begin, *bunch.ids[each.start : each.end]), bunch.shared + each.answer - each.start) for each in bunch.branches]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 9), st.integers(2, 60)), max_size=6), st.integers(60, 400), st.integers(1, 9))
@hypothesis_settings(max_examples=60, deadline=None)
def test_every_example_is_in_one_row_as_it_was(groups: list[tuple[int, int, int]], longest: int, most: int) -> None:
    examples = [each for passage, questions, beginning in groups for each in about(passage, questions, beginning=beginning)]
    rows = bunched(examples, longest=longest, most=most)
    again = [each for row in rows for each in examples_of(row)]
    assert sorted((each.ids, each.answer_start) for each in again) == sorted((each.ids, each.answer_start) for each in examples)
    assert all(len(row.branches) <= most and (len(row) <= longest or len(row.branches) == 1) for row in rows)
    assert all(row.tokens == sum(len(each.ids) for each in examples_of(row)) >= len(row) for row in rows)
    assert rows == bunched(examples[::-1], longest=longest, most=most)


def test_a_shared_beginning_is_computed_once_and_different_prompts_stay_apart() -> None:
    rows = bunched([*about(1, 5), *about(2, 3)], longest=1000, most=12)
    assert sorted(len(row.branches) for row in rows) == [3, 5]
    assert all(len(row) < 0.6 * row.tokens for row in rows)


def test_a_branch_goes_on_behind_the_beginning() -> None:
    (row,) = bunched(about(1, 2, beginning=40), longest=1000, most=12)
    first, second = row.branches
    found = positions(row, len(row) + 3)
    assert found[: row.shared].tolist() == list(range(row.shared))
    assert found[first.start] == found[second.start] == row.shared
    assert found[second.end - 1] == row.shared + second.end - second.start - 1


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_loss_and_gradients_are_those_of_the_single_examples(architecture: Literal["qwen2", "llama"]) -> None:
    examples = [*about(1, 4), *about(2, 2), *about(3, 1)]
    model = tiny_model(architecture)

    def run(rows: list[Bunch]) -> tuple[float, list[torch.Tensor]]:
        model.zero_grad()
        loss, count = answer_loss(model, collate(rows))
        assert count == sum(len(each.ids) - each.answer_start for each in examples)
        loss.backward()
        return loss.item(), [value.grad.clone() for value in model.parameters() if value.grad is not None]

    expected, wanted = run([single(each) for each in examples])
    found, got = run(bunched(examples, longest=1000, most=12))
    assert found == pytest.approx(expected, rel=1e-5)
    assert len(got) == len(wanted) and all(torch.allclose(one, other, atol=1e-5) for one, other in zip(got, wanted, strict=True))


def test_a_model_whose_attention_goes_its_own_way_is_refused() -> None:
    model = tiny_model()
    (row,) = bunched(about(1, 3), longest=1000, most=12)
    with pytest.raises(ModelError, match=r"train\.together=1"), by_rows(model, [row_of(row, len(row))]):
        pass  # no layer asked


def test_a_sliding_window_that_is_too_short_is_refused() -> None:
    model = tiny_model()
    rows = bunched(about(1, 3), longest=1000, most=12)
    for layer in model.model.layers:
        layer.self_attn.sliding_window = 16
    with pytest.raises(ModelError, match="16 tokens"):
        answer_loss(model, collate(rows))


def test_raw_text_is_learned_whole_and_never_shares() -> None:
    texts = [Encoded((5, 6, 7, 8, 9, 10, number), 0) for number in range(20, 23)]
    rows = bunched(texts, longest=100, most=12)
    assert [len(row.branches) for row in rows] == [1, 1, 1]
    assert len(collate(rows)["labels"]) == 18
