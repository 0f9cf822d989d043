"""What `atlas train` says of its data before it begins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from adapters.train.plan import Plan
from rag.settings import Settings
from ui.commands.train import FEW_WORKS, _tell_plan


@pytest.mark.parametrize(("works", "told"), [(1, True), (FEW_WORKS - 1, True), (FEW_WORKS, False)])
def test_it_says_that_few_works_were_held_back(
    works: int, told: bool, planned: Callable[..., tuple[Settings, Plan]], capsys: pytest.CaptureFixture[str]
) -> None:
    _, made = planned()
    data = replace(made.prepared, report=replace(made.prepared.report, works=works))
    _tell_plan(replace(made, prepared=data))
    said = capsys.readouterr().err
    assert "12 examples (12 closed-book)" in said
    assert (f"held-back questions ask about: {works}." in said) == told
