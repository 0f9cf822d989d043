"""Batches: padded on the right, with the places of the answer tokens; logits are computed there and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from itertools import chain
from typing import Any

import torch

from adapters.method import Model
from adapters.train.attention import by_rows, row_of
from adapters.train.bunches import Bunch, positions


class BunchDataset(torch.utils.data.Dataset[Bunch]):
    """What transformers' Trainer samples from; `lengths` is what rows are grouped by, `answer_tokens` how many a row has on average."""

    def __init__(self, bunches: Sequence[Bunch]) -> None:
        self._bunches = bunches
        self.lengths = [len(each) for each in bunches]
        self.answer_tokens = sum(each.answer_tokens for each in bunches) / max(1, len(bunches))

    def __len__(self) -> int:
        return len(self._bunches)

    def __getitem__(self, number: int) -> Bunch:
        return self._bunches[number]


class GroupedSampler(torch.utils.data.Sampler[int]):
    """Rows of similar length in a step, the longest ones first, the other steps in an order that only the seed and the epoch decide.

    transformers' own grouping draws from the global generator, so that a resumed epoch would have another order, and goes from long
    to short fifty steps after fifty steps: towards the end of each there are more refusals, which are short.
    """

    def __init__(self, lengths: Sequence[int], batch: int, seed: int) -> None:
        self._lengths, self._batch, self._seed, self.epoch = list(lengths), batch, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the Trainer at the beginning of each epoch, also of one that it resumes."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        from transformers.trainer_pt_utils import get_length_grouped_indices

        drawn = torch.Generator().manual_seed(self._seed * 1_000_003 + self.epoch)
        rows = get_length_grouped_indices(self._lengths, self._batch, generator=drawn)  # type: ignore[no-untyped-call]
        steps = [rows[start : start + self._batch] for start in range(0, len(rows), self._batch)]
        whole = len(rows) // self._batch  # the last step may have fewer rows; it stays the last
        order = [0, *(1 + torch.randperm(max(0, whole - 1), generator=drawn)).tolist(), *range(max(1, whole), len(steps))]
        return chain.from_iterable(steps[number] for number in order)


def collate(bunches: Sequence[Bunch]) -> dict[str, Any]:
    """input_ids (batch, longest); `rows`, `columns` (answer tokens,): where each is predicted; `labels` (answer tokens,).

    With several examples in a row also position_ids (batch, longest) and `layout`, a list of rows for `by_rows`. There is no mask:
    the padding stands on the right, where no token of a causal model looks.
    """
    longest = max(len(each) for each in bunches)
    ids = torch.zeros((len(bunches), longest), dtype=torch.long)
    rows, columns, labels = [], [], []
    for number, bunch in enumerate(bunches):
        tokens = torch.tensor(bunch.ids)
        ids[number, : len(tokens)] = tokens
        for branch in bunch.branches:
            rows.append(torch.full((branch.end - branch.predicted,), number))
            columns.append(torch.arange(branch.predicted - 1, branch.end - 1))
            labels.append(tokens[branch.predicted : branch.end])
    batch: dict[str, Any] = {"input_ids": ids, "rows": torch.cat(rows), "columns": torch.cat(columns), "labels": torch.cat(labels)}
    if any(len(each.branches) > 1 for each in bunches):
        batch["position_ids"] = torch.stack([positions(each, longest) for each in bunches])
        batch["layout"] = [row_of(each, longest) for each in bunches]
    return batch


def moved(batch: dict[str, Any], device: Any) -> dict[str, Any]:
    """The batch with its tensors on the device."""
    return {name: value.to(device) if isinstance(value, torch.Tensor) else value for name, value in batch.items()}


@contextmanager
def answers_only(model: Model, rows: Any, columns: Any) -> Iterator[None]:
    """While it is open the model's head sees the given positions alone: logits are (answer tokens, vocabulary).

    The head of a small model with a large vocabulary costs a third of the whole forward pass when it sees every position.
    """
    head = model.get_output_embeddings()
    handle = head.register_forward_pre_hook(lambda _, inputs: (inputs[0][rows, columns],))
    try:
        yield
    finally:
        handle.remove()


def answer_loss(model: Model, batch: dict[str, Any], *, prepended: int = 0) -> tuple[Any, int]:
    """Mean cross entropy over the answer tokens, in float32, and how many there are."""
    named = {"position_ids": batch["position_ids"]} if "layout" in batch else {}
    apart = by_rows(model, batch["layout"]) if "layout" in batch else nullcontext()
    with apart, answers_only(model, batch["rows"], batch["columns"] + prepended):
        logits = model(input_ids=batch["input_ids"], use_cache=False, **named).logits
    return torch.nn.functional.cross_entropy(logits.float(), batch["labels"]), len(batch["labels"])
