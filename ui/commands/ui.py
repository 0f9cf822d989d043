"""`atlas ui`: the chat page alone, beside a model server of your own."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from ui.console import err, out
from ui.session import loaded

app = typer.Typer(help="Open the chat page.")


@app.command()
def ui(*, browser: Annotated[bool, typer.Option("--browser", help="Open it in the browser, too.")] = False) -> None:
    """Open the chat page.

    It says what it waits for when there is no index or no model server yet; `atlas up` brings those up as well.
    """
    from rag.assistant import open_assistant
    from ui.chat.open import open_page
    from ui.warming import Warming

    settings = loaded().settings
    assistant = open_assistant(settings)
    warming = Warming(settings, assistant, tell=lambda line: err.print(line, markup=False))
    page = open_page(settings, assistant, warming.ready)
    out.print(f"Chat page: {page.url} (Ctrl-C stops it)", markup=False)
    warming.start()
    if browser:
        import webbrowser

        webbrowser.open(page.url)
    try:
        while page.thread.is_alive():
            time.sleep(0.2)
    except KeyboardInterrupt:
        err.print("Stopping the page.")
        warming.stop()
        page.stop()
