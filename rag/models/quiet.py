"""The libraries' own progress bars, switched off: how far something is, the library tells by `Progress` alone."""

from __future__ import annotations


def quiet() -> None:
    """No bar of transformers from here on in this process: it would be drawn into ours, or fill a log file. Imports transformers."""
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
