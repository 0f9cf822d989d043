"""docs/methods.md says what the code does: names, routes, numbers of parameters, defaults."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.method import METHODS
from adapters.tiny import tiny_model
from tests.adapters.method_runs import fresh

PAGE = Path(__file__).resolve().parents[2] / "docs" / "methods.md"
Count = Callable[[int, int, int, int], int]


def low_rank(layers: int, h: int, k: int, m: int, r: int = 16) -> int:
    return layers * r * (9 * h + 2 * k + 3 * m)


def outputs(layers: int, h: int, k: int, m: int) -> int:
    return layers * (3 * h + 2 * k + 2 * m)


def layer(h: int, k: int, m: int) -> int:
    """Of Qwen2: weights, the biases of queries, keys and values, two norms."""
    return 2 * h * h + 2 * h * k + h + 2 * k + 3 * h * m + 2 * h


COUNTS: dict[str, Count] = {
    "lora": low_rank,
    "rslora": low_rank,
    "dora": lambda n, h, k, m: low_rank(n, h, k, m) + outputs(n, h, k, m),
    "qlora": low_rank,
    "adalora": lambda n, h, k, m: low_rank(n, h, k, m, r=24) + n * 24 * 7,
    "ia3": lambda n, h, k, m: n * (2 * k + m),
    "bottleneck": lambda n, h, k, m: 2 * n * (2 * h * 64 + 64 + h),
    "prefix": lambda n, h, k, m: 20 * k + (k + 1) * k + (k + 1) * 2 * n * k,
    "prompt": lambda n, h, k, m: 20 * h,
    "ptuning": lambda n, h, k, m: 20 * h + 3 * (h + 1) * h,
    "ptuning2": lambda n, h, k, m: 2 * n * k * 20,
    "bitfit": lambda n, h, k, m: n * (h + 2 * k),
    "partial": lambda n, h, k, m: 2 * layer(h, k, m),
}
"""By layers, hidden size, key size and MLP size: what the page writes as formulas, at the default options."""


def rows() -> dict[str, list[str]]:
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0].strip("`"): row for row in cells}


def test_the_page_names_every_method_and_its_routes() -> None:
    table = rows()
    assert sorted(table) == METHODS.names()
    for name, row in table.items():
        method = METHODS.load(name)
        assert row[5] == ", ".join(method.routes), name
        assert row[6] == {"vllm": "per request", "merged": "merged", "in-process": "no"}[method.routes[0]], name
        assert (row[7] == "base") == method.starts_as_base, name
        assert method.name == name


@pytest.mark.parametrize("name", list(COUNTS))
def test_the_formulas_count_what_is_trained(name: str) -> None:
    model = fresh(name, tiny_model())
    assert sum(each.numel() for each in model.parameters() if each.requires_grad) == COUNTS[name](3, 32, 16, 64)


def test_the_examples_are_the_formulas_for_the_default_model() -> None:
    for name, row in rows().items():
        n, h, k, m = 24, 896, 128, 4864
        count = n * layer(h, k, m) + h + 151_936 * h if name == "full" else COUNTS[name](n, h, k, m)
        assert row[3] == f"{count / 1e6:.2f}", name


def test_default_values_that_the_page_names_are_the_defaults() -> None:
    for name, row in rows().items():
        values = METHODS.load(name).Options().model_dump()
        defaults = {option: value if type(value) in (int, float) else str(value) for option, value in values.items()}
        for said in row[4].split(", "):
            option, _, value = said.partition(" ")
            if option in defaults:
                assert (f"{default:g}" if isinstance(default := defaults[option], (int, float)) else default.lower()) == value.split(" ")[
                    0
                ], (name, said)


def test_the_page_is_short() -> None:
    assert len(PAGE.read_text(encoding="utf-8").splitlines()) <= 60
