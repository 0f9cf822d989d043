"""The report: one HTML page that stands alone, and the numbers behind it as JSON and CSV."""

from __future__ import annotations

from pathlib import Path

from eval.report.files import write_files
from eval.types import Run
from eval.verdict import verdict


def write(run: Run, folder: Path, *, language: str = "en") -> Path:
    """Make report.html, report.json and scores.csv in the folder, each atomically; the path of the page.

    `language`: "en" or "ru". Raises UserError for another one, and when the folder cannot be written to.
    """
    return write_files(run, folder, verdict(run, language=language), language=language)
