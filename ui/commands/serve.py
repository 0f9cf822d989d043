"""`atlas serve`: start, stop or look at the model server."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from rag.errors import UserError
from ui.console import err, out, progress
from ui.session import loaded

if TYPE_CHECKING:
    from rag.serve.vllm import Server, Starting
    from rag.settings import Settings

app = typer.Typer(help="Start, stop or look at the model server.")

NOT_RUNNING = 3
"""Exit code of --status when no server runs."""


@app.command()
def serve(
    *,
    stop: Annotated[bool, typer.Option("--stop", help="End the server and all its processes.")] = False,
    status: Annotated[bool, typer.Option("--status", help="Say what runs; exit code 3 when nothing does.")] = False,
    foreground: Annotated[bool, typer.Option("--foreground", help="Show its log, and end it with Ctrl-C.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For a program.")] = False,
) -> None:
    """Start, stop or look at the model server. A server that runs already with the same model and options is left as it is."""
    from rag.serve import vllm

    settings = loaded().settings
    if sum((stop, status, foreground)) > 1:
        raise UserError("--stop, --status and --foreground exclude each other.", "Give one of them.")
    if stop:
        out.print("The model server is stopped." if vllm.stop(settings) else "No model server was running.")
    elif status:
        _show_status(settings, as_json)
    elif foreground:
        _follow(settings)
    else:
        with progress() as report:
            server = vllm.start(settings, progress=report)
        _show(server, as_json)
        _note_port(settings, server)


def _show_status(settings: Settings, as_json: bool) -> None:
    from rag.serve import vllm

    found = vllm.status(settings)
    if found is None:
        out.print_json("null") if as_json else out.print("No model server is running. Start it: atlas serve")
        raise typer.Exit(NOT_RUNNING)
    _show(found, as_json)


def _show(found: Server | Starting, as_json: bool) -> None:
    from rag.serve.vllm import Server

    if as_json:
        state = "ready" if isinstance(found, Server) else "starting"
        out.print_json(json.dumps({"state": state, **asdict(found)}, default=str))
    elif isinstance(found, Server):
        adapters = [name for name in found.served if name != found.model]
        also = f", adapters: {', '.join(adapters)}" if adapters else ""
        out.print(f"{found.model} is served at {found.url} (pid {found.pid}{also}). Log: {found.log}", markup=False)
    else:
        out.print(f"The {found}. Log: {found.log}", markup=False)


def _note_port(settings: Settings, server: Server) -> None:
    if f":{settings.serve.port}/" not in server.url:
        err.print(f"Port {settings.serve.port} is taken by another program, so the next free one is used.", markup=False)


def _follow(settings: Settings) -> None:
    """Print the log as it grows, until the server ends or Ctrl-C ends it."""
    from rag.serve import state, vllm

    server = vllm.start(settings, wait=False)
    try:
        with server.log.open(encoding="utf-8", errors="replace") as log:
            running = True
            while running:
                found = state.read(settings.home)
                running = found is not None and found.alive
                while line := log.readline():
                    out.print(line.rstrip("\n"), markup=False)
                time.sleep(0.5)
        if found is not None:  # nobody stopped it
            raise vllm.explained(settings, server.log)
    finally:
        vllm.stop(settings)
