"""Batches: padded on the right, with the places of the answer tokens; logits are computed there and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from adapters.data.tokens import Encoded
from adapters.method import Model


class EncodedDataset(torch.utils.data.Dataset[dict[str, Any]]):
    """What transformers' Trainer samples from; `lengths` is what examples are grouped by."""

    def __init__(self, encoded: Sequence[Encoded]) -> None:
        self._encoded = encoded
        self.lengths = [len(each.ids) for each in encoded]

    def __len__(self) -> int:
        return len(self._encoded)

    def __getitem__(self, number: int) -> dict[str, Any]:
        return {"input_ids": self._encoded[number].ids, "answer_start": self._encoded[number].answer_start}


class GroupedSampler(torch.utils.data.Sampler[int]):
    """Examples of similar length next to each other, the longest first, in an order that only the seed and the epoch decide.

    transformers' own grouping draws from the global generator, so that a resumed epoch would have another order.
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
        return iter(get_length_grouped_indices(self._lengths, self._batch, generator=drawn))  # type: ignore[no-untyped-call]


def collate(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """input_ids (batch, longest); `rows`, `columns` (answer tokens,): where each is predicted; `labels` (answer tokens,).

    There is no attention mask: the padding stands on the right, where no token of a causal model looks.
    """
    longest = max(len(row["input_ids"]) for row in rows)
    ids = torch.zeros((len(rows), longest), dtype=torch.long)
    batch, columns, labels = [], [], []
    for number, row in enumerate(rows):
        tokens = torch.tensor(row["input_ids"])
        ids[number, : len(tokens)] = tokens
        first = max(1, row["answer_start"])
        batch.append(torch.full((len(tokens) - first,), number))
        columns.append(torch.arange(first - 1, len(tokens) - 1))
        labels.append(tokens[first:])
    return {"input_ids": ids, "rows": torch.cat(batch), "columns": torch.cat(columns), "labels": torch.cat(labels)}


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
    with answers_only(model, batch["rows"], batch["columns"] + prepended):
        logits = model(input_ids=batch["input_ids"], use_cache=False).logits
    return torch.nn.functional.cross_entropy(logits.float(), batch["labels"]), len(batch["labels"])
