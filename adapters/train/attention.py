"""Attention over rows of several examples: the common beginning to itself, and each branch to the beginning and to itself.

A mask over the whole row would compute every branch against every other one and throw the result away: with twelve branches two
thirds of it, and attention was half of the time of a step (docs/log.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch

from adapters.method import Model
from adapters.train.bunches import Bunch
from rag.errors import ModelError

NAME = "atlas-bunches"


@dataclass(frozen=True, slots=True)
class Row:
    """`shared`: length of the beginning; `places` (branches, longest branch): where each token of a branch stands in the row, the end
    of a short branch filled up with its last place; `order` (length,): where each token of the row is in beginning + places."""

    shared: int
    places: Any
    order: Any


@dataclass(slots=True)
class Layout:
    """The rows of a batch; `asked` counts the layers that computed by it."""

    rows: Sequence[Row]
    asked: int = 0


_layout: ContextVar[Layout | None] = ContextVar("layout", default=None)


def row_of(bunch: Bunch, length: int) -> Row:
    """The layout of a bunch in a row of `length` tokens; behind its end is padding, whose values mean nothing."""
    longest = max(each.end - each.start for each in bunch.branches)
    places = torch.stack([torch.arange(each.start, each.start + longest).clamp(max=each.end - 1) for each in bunch.branches])
    order = torch.zeros(length, dtype=torch.long)
    order[: bunch.shared] = torch.arange(bunch.shared)
    for number, each in enumerate(bunch.branches):
        begins = bunch.shared + number * longest
        order[each.start : each.end] = torch.arange(begins, begins + each.end - each.start)
    return Row(bunch.shared, places, order)


@contextmanager
def by_rows(model: Model, rows: Sequence[Row]) -> Iterator[None]:
    """While it is open the model's forward pass attends as the rows say; without a mask, and with position ids given by the caller.

    Raises ModelError afterwards when its attention does not go through transformers' interface: nothing would keep examples apart.
    """
    _register()
    config, layout = model.config, Layout(rows)
    before, token = config._attn_implementation, _layout.set(layout)
    config._attn_implementation = NAME
    try:
        yield
    finally:
        config._attn_implementation = before
        _layout.reset(token)
    if not layout.asked:
        raise ModelError(f"{type(model).__name__} cannot keep examples in one row apart.", "Train with --set train.together=1.")


def _register() -> None:
    from transformers import AttentionInterface

    if NAME not in AttentionInterface._global_mapping:
        AttentionInterface.register(NAME, _attend)


def _attend(
    module: Any, query: Any, key: Any, value: Any, attention_mask: Any, *, scaling: float | None = None, dropout: float = 0.0, **named: Any
) -> tuple[Any, None]:
    """transformers' interface: query (batch, heads, length, width), key and value with as many or fewer heads; returns (batch, length,
    heads, width)."""
    layout = _layout.get()
    assert layout is not None and attention_mask is None, "only inside by_rows"
    layout.asked += 1
    window = named.get("sliding_window")
    if window is not None and any(row.shared + row.places.shape[1] > window for row in layout.rows):
        raise ModelError(f"The model looks back {window} tokens only.", "Train with --set train.together=1.")
    groups = query.shape[1] // key.shape[1]
    key, value = (each.repeat_interleave(groups, dim=1) if groups > 1 else each for each in (key, value))
    found = [_row(row, query[number], key[number], value[number], scaling) for number, row in enumerate(layout.rows)]
    return torch.stack(found), None


def _row(row: Row, query: Any, key: Any, value: Any, scaling: float | None) -> Any:
    """One row: (heads, length, width) each; returns (length, heads, width).

    Plain products and a softmax in float32: on a CPU torch's own attention in bfloat16 takes twice as long, forward and backward.
    """
    shared, (branches, longest) = row.shared, row.places.shape
    places, order = row.places.to(query.device), row.order.to(query.device)
    scale = scaling if scaling is not None else query.shape[-1] ** -0.5
    first, keys, values = (each[:, :shared] for each in (query, key, value))
    begin = _weights(((first @ keys.mT).float() * scale, True)).to(query.dtype) @ values
    q, k, v = (each[:, places] for each in (query, key, value))  # (heads, branches, longest, width)
    to_begin = (q.flatten(1, 2) @ keys.mT).float().unflatten(1, (branches, longest)) * scale
    weights = _weights((to_begin, False), ((q @ k.mT).float() * scale, True)).to(query.dtype)
    branch = (weights[..., :shared].flatten(1, 2) @ values).unflatten(1, (branches, longest)) + weights[..., shared:] @ v
    flat = torch.cat([begin.transpose(0, 1), branch.permute(1, 2, 0, 3).flatten(0, 1)])  # (shared + branches * longest, heads, width)
    return flat[order]


def _weights(*parts: tuple[Any, bool]) -> Any:
    """Softmax over the joined scores; `True`: a token sees no later one of this part."""
    hidden = [scores.masked_fill(_later(scores), float("-inf")) if causal else scores for scores, causal in parts]
    return torch.cat(hidden, dim=-1).softmax(-1)


def _later(scores: Any) -> Any:
    return torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
