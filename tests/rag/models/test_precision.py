"""In which precision this machine computes: decided by what it takes, not by what the processor says it can."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import psutil
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


@pytest.mark.parametrize(
    ("told", "chosen"),
    [
        ("processor: 0\nflags\t\t: fpu sse2 fma avx avx2\n", "float32"),
        ("processor: 0\nflags\t\t: fpu avx2 avx512f avx512_bf16\n", "bfloat16"),
        ("processor: 0\nFeatures\t: fp asimd bf16\n", "bfloat16"),
        (None, "bfloat16"),
    ],
)
def test_a_server_computes_in_float32_where_bfloat16_is_emulated(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, told: str | None, chosen: str
) -> None:
    monkeypatch.setattr(precision, "PROCESSOR", tmp_path / "cpuinfo")
    if told is not None:
        (tmp_path / "cpuinfo").write_text(told)
    assert precision.of_server(tmp_path) == chosen


def test_a_server_never_takes_more_than_half_of_the_memory_for_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(precision, "emulates_bfloat16", lambda: True)
    (tmp_path / "model.safetensors").write_bytes(b"")
    os.truncate(tmp_path / "model.safetensors", psutil.virtual_memory().total // 5)
    assert precision.of_server(tmp_path) == "bfloat16"


def test_the_memory_of_a_server_is_that_of_its_weights_its_cache_and_the_program() -> None:
    assert precision.gigabytes_of_server(1.0, 2.0, "bfloat16") == 7.0
    assert precision.gigabytes_of_server(1.0, 2.0, "float32") == 8.0
    assert precision.gigabytes_of_server(1.0, 0.5, "float32") == 6.5
