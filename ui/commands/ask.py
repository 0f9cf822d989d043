"""`atlas ask`: one question, answered on standard output."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated

import typer

from ui.console import err, out
from ui.session import loaded

app = typer.Typer(help="Answer one question.")


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="In any language of the documents.")],
    *,
    arm: Annotated[str, typer.Option(help="rag, icl, zero-shot, lora, rag+lora.")] = "rag",
    adapter: Annotated[str | None, typer.Option(help="Served name of the adapter, for the arms with one.")] = None,
    style: Annotated[str, typer.Option(help="short: a phrase; full: sentences; default: context.style.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, when the answer is complete.")] = False,
) -> None:
    """Answer one question. The answer streams to standard output, its sources go to standard error.

    Exit code 0: answered; 3: the model does not know, or the documents do not hold the answer; 2: it could not be asked.
    """
    from rag.assistant import open_assistant
    from rag.errors import SettingsError
    from ui.answering import NO_ANSWER, answer, as_row, closing, sources, write

    settings = loaded().settings
    if style not in ("", "short", "full"):
        raise SettingsError([f"command line: --style {style} is neither short nor full."])
    if style:
        settings = settings.model_copy(update={"context": settings.context.model_copy(update={"style": style})})
    assistant = open_assistant(settings)
    said = asyncio.run(answer(assistant, question, arm, adapter=adapter, show=(lambda _: None) if as_json else write))
    if as_json:
        out.print_json(json.dumps(as_row(said), ensure_ascii=False))
    else:
        out.print()
        for line in [*sources(said), closing(said)]:
            if line:
                err.print(line, markup=False)
    if said.refused or said.abstained:
        raise typer.Exit(NO_ANSWER)
