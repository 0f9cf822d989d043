"""Opening a base in this process."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.tiny import save_tiny
from adapters.weights import open_weights


def test_opening_a_base_draws_no_bars_of_the_library(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from transformers.utils import logging

    save_tiny(tmp_path)
    logging.enable_progress_bar()  # type: ignore[no-untyped-call]  # another test may have switched them off
    capfd.readouterr()
    open_weights(tmp_path)
    assert "Loading" not in capfd.readouterr().err
