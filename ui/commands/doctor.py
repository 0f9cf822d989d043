"""`atlas doctor`: is this machine and this installation fit, and if not, what to do."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from ui.checks import CHECKS
from ui.console import out
from ui.session import loaded

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}

app = typer.Typer(help="Check this machine and this installation, and say what to do.")


@app.command()
def doctor(*, as_json: Annotated[bool, typer.Option("--json", help="For a program.")] = False) -> None:
    """Check this machine and this installation, and say what to do. Exit code 1 when something must be mended first."""
    settings = loaded().settings
    findings = [finding for check in CHECKS for finding in check(settings)]
    if as_json:
        out.print_json(json.dumps([asdict(finding) for finding in findings]))
    for finding in [] if as_json else findings:
        out.print(f"{finding.status:4} ", style=COLOURS[finding.status], end="")
        out.print(f"{finding.what} {finding.do}".rstrip(), markup=False)
    if any(finding.status == "fail" for finding in findings):
        raise typer.Exit(1)
