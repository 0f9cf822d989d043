"""What a training counts how much: long answers against short refusals, and in which order the steps come."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from adapters.data.tokens import Encoded
from adapters.method import METHODS, read_options
from adapters.tiny import tiny_model
from adapters.train.arguments import arguments
from adapters.train.batches import BunchDataset, GroupedSampler, collate
from adapters.train.bunches import Bunch, single
from adapters.train.trainer import AdapterTrainer
from rag.settings import Train

ANSWER, REFUSAL, END = 20, 10, 258
PROMPT = 12


def examples(count: int, *, seed: int) -> list[Bunch]:
    """Every other one is refused, in four tokens; the others are answered, in 52. Nothing in the prompt tells which."""
    drawn = torch.Generator().manual_seed(seed)
    made = []
    for number in range(count):
        prompt = torch.randint(30, 200, (PROMPT,), generator=drawn).tolist()
        words = torch.randint(30, 200, (50,), generator=drawn).tolist()
        answer = [REFUSAL, 11, 12, END] if number % 2 else [ANSWER, *words, END]
        made.append(single(Encoded((*prompt, *answer), PROMPT)))
    return made


@pytest.mark.slow
def test_one_example_a_step_a_refusal_is_no_likelier_than_it_was_in_the_data(tmp_path: Path) -> None:
    rows, method = examples(160, seed=0), METHODS.load("full")()
    model = method.attach(tiny_model(), read_options(method, {}))
    args = arguments(Train(), tmp_path, steps=len(rows), batch=1, rate=3e-3, mixed=False)
    args.eval_strategy, args.report_to = "no", []
    AdapterTrainer(
        method=method, validate=lambda _: {}, keep_best=lambda: None, patience=1, model=model, args=args, data_collator=collate,
        train_dataset=BunchDataset(rows),
    ).train()  # fmt: skip
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([row.ids[:PROMPT] for row in examples(40, seed=9)])).logits[:, -1]
    assert abs((logits[:, REFUSAL] - logits[:, ANSWER]).mean().item()) < 0.5  # weighted by step: 2.9; also with gradients cut to 1: 1.6


def test_answer_tokens_are_those_that_are_predicted() -> None:
    rows = [single(Encoded(tuple(range(5, 5 + length)), start)) for length, start in ((9, 4), (14, 10), (6, 0))]
    assert [row.answer_tokens for row in rows] == [5, 4, 5]
    assert sum(row.answer_tokens for row in rows) == len(collate(rows)["labels"]) == 3 * BunchDataset(rows).answer_tokens


@given(st.lists(st.integers(1, 900), min_size=1, max_size=300), st.integers(1, 9), st.integers(0, 3))
def test_an_epoch_has_every_row_once_and_the_longest_in_its_first_step(lengths: list[int], batch: int, seed: int) -> None:
    sampler = GroupedSampler(lengths, batch, seed)
    order = list(sampler)
    assert sorted(order) == list(range(len(lengths))) and order == list(sampler)
    assert max(lengths) in {lengths[row] for row in order[:batch]}


def test_steps_are_of_one_length_but_do_not_go_from_long_to_short() -> None:
    lengths = torch.randint(100, 900, (400,), generator=torch.Generator().manual_seed(0)).tolist()
    sampler = GroupedSampler(lengths, 4, 0)
    steps = [[lengths[row] for row in list(sampler)[start : start + 4]] for start in range(0, 400, 4)]
    assert sum(max(step) - min(step) for step in steps) / len(steps) < 30
    falling = sum(one[0] > other[0] for one, other in pairwise(steps))
    assert 35 <= falling <= 65
    sampler.set_epoch(1)
    assert [lengths[row] for row in sampler][:40] != [length for step in steps[:10] for length in step]
