"""The laws of QLoRA, with bitsandbytes itself."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from adapters.tiny import tiny_model
from rag.errors import ModelError
from tests.adapters.method_runs import fresh, logits, method_of, train


def test_over_its_4_bit_base_qlora_keeps_the_laws_of_lora(tmp_path: Path) -> None:
    """Fresh = disabled = the 4-bit base; the loss falls; loaded to train on it says the same; it is not merged into 4 bits."""
    base, method = logits(tiny_model(hidden=64)), method_of("qlora")
    model = fresh("qlora", tiny_model(hidden=64))
    start = logits(model)
    assert not torch.equal(start, base)
    losses = train("qlora", model)
    assert losses[-1] < 0.95 * losses[0]
    with method.disabled(model):
        assert torch.equal(logits(model), start)
    method.save(model, tmp_path)
    again = method.load(tiny_model(hidden=64), tmp_path, trainable=True).eval()
    assert torch.allclose(logits(again), logits(model), atol=1e-5)
    with pytest.raises(ModelError, match="over a 4-bit base"):
        method.merge(again)


def test_served_qlora_is_a_lora_over_the_unquantised_base(tmp_path: Path) -> None:
    method, model = method_of("qlora"), fresh("qlora", tiny_model(hidden=64))
    train("qlora", model)
    method.save(model, tmp_path)
    served = method.load(tiny_model(hidden=64), tmp_path)
    said = logits(served)
    with method.disabled(served):
        assert torch.equal(logits(served), logits(tiny_model(hidden=64)))
    assert torch.allclose(logits(method.merge(served)), said, atol=1e-4)
