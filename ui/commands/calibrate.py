"""`atlas calibrate`: fit the threshold below which Atlas says that the corpus does not hold the answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from rag.errors import InputError
from ui.console import out, progress
from ui.session import loaded

app = typer.Typer(help="Set when Atlas says that the corpus lacks the answer.")


@app.command()
def calibrate(
    qa: Annotated[list[Path] | None, typer.Option("--qa", help="QA pairs (JSONL), repeatable; default: the setting `qa`.")] = None,
    refuse_at_most: Annotated[
        float,
        typer.Option(help="Share of answerable questions that may be refused.", min=0, max=0.5),
    ] = 0.05,
    as_json: Annotated[bool, typer.Option("--json", help="For a program.")] = False,
) -> None:
    """Set when Atlas says that the corpus lacks the answer.

    Uses QA pairs, answerable and not, and everyday off-topic questions; the result lies beside the index and a running
    chat takes it over. Calibrate again after changing the corpus or the retrieval settings.
    """
    from dataclasses import asdict

    from rag.assistant import calibration_file
    from rag.context import abstain
    from rag.qa import read_pairs
    from rag.retrieve.retriever import open_retriever

    settings = loaded().settings
    files = qa or [Path(name) for name in settings.qa]
    if not files:
        raise InputError("No QA pairs to calibrate on.", "Give a file: `atlas calibrate --qa pairs.jsonl`, or set `qa`.")
    pairs = read_pairs(files)
    with progress() as report:
        fitted = abstain.calibrate(open_retriever(settings, progress=report), pairs, refuse_at_most=refuse_at_most, progress=report)
    abstain.save(fitted, calibration_file(settings))
    if as_json:
        out.print_json(json.dumps(asdict(fitted), ensure_ascii=False))
        return
    out.print(f"Threshold {fitted.threshold:.3f} saved for index '{settings.index.name}'. On these questions it refuses:")
    rows: list[tuple[str, int, float, float | None]] = [("answerable", fitted.answerable, fitted.refused_answerable, None)]
    rows.append(("off-topic", fitted.offtopic, fitted.refused_offtopic, fitted.auc_offtopic))
    if fitted.refused_near is not None:
        rows.append(("near misses", fitted.near, fitted.refused_near, fitted.auc_near))
    for name, n, share, auc in rows:
        told_apart = "" if auc is None else f"   told apart from answerable ones: AUC {auc:.2f}"
        out.print(f"  {name:<12} {share:6.1%} of {n}{told_apart}", markup=False, highlight=False)
