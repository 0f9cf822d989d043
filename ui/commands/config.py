"""`atlas config`: every setting, its value, where that value came from, and what it does."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from rag.errors import UserError
from rag.settings import fields, template
from ui.console import out
from ui.session import loaded

app = typer.Typer(help="Show every setting, its value and where that value came from.")


@app.command()
def config(
    only: Annotated[str, typer.Argument(help="Only the keys that contain this, as in retrieve or retrieve.top_k.")] = "",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="For a program.")] = False,
    as_toml: Annotated[bool, typer.Option("--toml", help="Print a fresh atlas.toml with every key and its default.")] = False,
) -> None:
    """Show every setting, its value and where that value came from."""
    if as_toml:
        out.print(template(), markup=False, end="")
        return
    rows = [row for row in _rows() if only in row["key"]]
    if not rows:
        raise UserError(f"No setting contains '{only}'.", "`atlas config` lists them all.")
    if as_json:
        out.print_json(json.dumps(rows, ensure_ascii=False))
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for heading in ("key", "value", "from", "what it does"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        style = "" if row["origin"] == "default" else "bold"
        cells = [row["key"], json.dumps(row["value"], ensure_ascii=False), row["origin"], row["description"]]
        table.add_row(*(Text(cell, style=style if i < 3 else "dim") for i, cell in enumerate(cells)))
    out.print(table)


def _rows() -> list[dict[str, Any]]:
    now = loaded()
    values = now.settings.model_dump(mode="json")
    rows = []
    for key, (_, description) in fields().items():
        section, dot, name = key.partition(".")
        value = values[section][name] if dot else values[section]
        rows.append({"key": key, "value": value, "origin": now.origin(key), "description": description})
    return rows
