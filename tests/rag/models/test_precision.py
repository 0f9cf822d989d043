"""In which precision this machine computes: decided by what it takes, not by what the processor says it can."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from rag.models import precision


@pytest.mark.parametrize(
    ("narrow", "wide", "chosen"),
    [(1.0, 2.0, torch.bfloat16), (1.0, 1.0, torch.bfloat16), (1.1, 1.0, torch.bfloat16), (2.0, 1.0, torch.float32)],
)
def test_float32_is_taken_only_where_it_is_clearly_faster(monkeypatch: pytest.MonkeyPatch, narrow: float, wide: float, chosen: Any) -> None:
    monkeypatch.setattr(precision, "_seconds", {torch.bfloat16: narrow, torch.float32: wide}.__getitem__)
    assert precision.fastest("cpu") == chosen


def test_the_measurement_is_real_and_made_once() -> None:
    first = precision.fastest("cpu")
    assert 0 < precision._seconds(torch.float32) < 5 and first in (torch.bfloat16, torch.float32) and precision.fastest("cpu") == first


def test_a_device_without_bfloat16_computes_in_float32() -> None:
    assert precision.fastest("mps") == torch.float32
