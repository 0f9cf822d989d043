"""`atlas up`: the page at once, and behind it everything that it needs."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Annotated, Any

import typer

from ui.console import err, out, progress
from ui.session import loaded

app = typer.Typer(help="Everything at once: models, index, model server, chat page.")


@app.command()
def up(
    *,
    until_ready: Annotated[
        bool, typer.Option("--until-ready", help="End as soon as everything is up; leave the model server running.")
    ] = False,
) -> None:
    """Everything at once: models, index, model server, chat page.

    The page opens first and says what it waits for. Ctrl-C stops the page, and the model server if it was started here.
    """
    began = time.perf_counter()
    from rag.assistant import open_assistant
    from ui.chat.open import check_panes, open_page
    from ui.launch import Launch

    settings = loaded().settings
    check_panes(settings)
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # SIGINT too: a shell starts background jobs with it ignored
        signal.signal(ending, _interrupt)
    stopped = False
    with progress() as show:
        assistant = open_assistant(settings)
        launch = Launch(settings, assistant, tell=lambda line: err.print(line, markup=False), progress=show)
        page = open_page(settings, assistant, launch.ready)
        launch.seconds["page"] = time.perf_counter() - began
        out.print(f"Chat page: {page.url} (open after {launch.seconds['page']:.1f} s; Ctrl-C stops everything)", markup=False)
        launch.start()
        try:
            while not launch.wait(0.2):
                pass
        except KeyboardInterrupt:
            _stop(launch, page)
            stopped = True
    if stopped:
        _leave(launch)
        return
    if launch.failed is None:
        stages = ", ".join(f"{name} {seconds:.1f}" for name, seconds in launch.seconds.items())
        out.print(f"Ready in {time.perf_counter() - began:.1f} s: {stages}. Ask at {page.url}", markup=False)
    if until_ready:
        page.stop()
        raise typer.Exit(0 if launch.failed is None else 2)
    try:
        while page.thread.is_alive():
            time.sleep(0.2)
    except KeyboardInterrupt:
        _stop(launch, page)


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def _stop(launch: Any, page: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave the model server behind
    err.print("Stopping the page" + (" and the model server." if launch.ours else "."))
    page.stop()
    launch.stop()


def _leave(launch: Any) -> None:
    """End now if the launch still computes: Python's own ending aborts when a thread is inside torch."""
    if not launch.wait(0):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
