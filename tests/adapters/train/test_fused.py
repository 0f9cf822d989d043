"""The faster LoRA layers compute what peft's do, and the answer-only loss is the loss over the answers."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from adapters.data.tokens import Encoded
from adapters.method import METHODS, read_options
from adapters.tiny import tiny_model
from adapters.train.batches import answer_loss, collate
from adapters.train.bunches import single
from adapters.train.fused import fused


def tuned(method: str = "lora", **options: Any) -> Any:
    torch.manual_seed(0)
    tuning = METHODS.load(method)()
    model = tuning.attach(tiny_model(), read_options(tuning, options))
    with torch.no_grad():
        for value in model.parameters():
            if value.requires_grad:
                value.add_(torch.randn_like(value) * 0.1)
    return model


BATCH = collate([single(Encoded(tuple(range(5, 5 + n)), start)) for n, start in ((9, 4), (14, 10), (6, 0))])


def gradients(model: Any) -> dict[str, torch.Tensor]:
    model.zero_grad()
    loss, _ = answer_loss(model, BATCH)
    loss.backward()
    return {name: value.grad.clone() for name, value in model.named_parameters() if value.requires_grad}


def test_loss_and_gradients_equal_pefts() -> None:
    model = tuned()
    expected, wanted = answer_loss(model, BATCH)[0].item(), gradients(model)
    with fused(model) as count:
        assert count == 3 * 7
        found, got = answer_loss(model, BATCH)[0].item(), gradients(model)
    assert found == pytest.approx(expected, rel=1e-6)
    assert all(torch.allclose(got[name], wanted[name], rtol=1e-4, atol=1e-6) for name in wanted)
    assert answer_loss(model, BATCH)[0].item() == expected


def test_a_disabled_adapter_stays_disabled() -> None:
    model = tuned()
    ids = torch.arange(10).unsqueeze(0)
    with torch.no_grad(), fused(model), model.disable_adapter():
        assert torch.equal(model(ids).logits, tiny_model()(ids).logits)


@pytest.mark.parametrize(("method", "options"), [("lora", {"dropout": 0.1}), ("dora", {})])
def test_what_it_does_not_know_is_left_to_peft(method: str, options: dict[str, Any]) -> None:
    with fused(tuned(method, **options)) as count:
        assert count == 0


def test_the_answer_loss_is_the_mean_over_the_answer_tokens_alone() -> None:
    model = tuned()
    logits = torch.log_softmax(model(BATCH["input_ids"]).logits, dim=-1)
    by_hand = []
    for row, (length, start) in enumerate(((9, 4), (14, 10), (6, 0))):
        by_hand += [-logits[row, place - 1, 5 + place].item() for place in range(max(1, start), length)]
    loss, count = answer_loss(model, BATCH)
    assert count == len(by_hand)
    assert loss.item() == pytest.approx(sum(by_hand) / len(by_hand), rel=1e-5)


def test_virtual_tokens_shift_the_places() -> None:
    tuning = METHODS.load("prompt")()
    model = tuned("prompt", tokens=5)
    assert tuning.prepended(model) == 5
    shifted, _ = answer_loss(model, BATCH, prepended=5)
    wrong, _ = answer_loss(model, BATCH)
    labels = torch.full(BATCH["input_ids"].shape, -100)
    labels[BATCH["rows"], BATCH["columns"] + 1] = BATCH["labels"]
    assert shifted.item() == pytest.approx(model(input_ids=BATCH["input_ids"], labels=labels).loss.item(), rel=1e-5)
    assert shifted.item() != pytest.approx(wrong.item(), rel=1e-5)
