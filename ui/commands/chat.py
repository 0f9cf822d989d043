"""`atlas chat`: a conversation in the terminal."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer

from rag.errors import UserError
from rag.types import Answer, Message
from ui.console import err, out
from ui.session import loaded

if TYPE_CHECKING:
    from rag.assistant import Assistant

app = typer.Typer(help="Chat in the terminal.")

HELP = "/arm NAME  answer by another arm    /sources  passages of the last answer    /clear  new conversation    /quit  end (or Ctrl-D)"


@dataclass(slots=True)
class Conversation:
    """What was said so far, and by which arm it goes on."""

    assistant: Assistant
    arm: str
    history: list[Message] = field(default_factory=list)
    last: Answer | None = None


@app.command()
def chat(*, arm: Annotated[str, typer.Option(help="rag, icl, zero-shot, lora, rag+lora.")] = "rag") -> None:
    """Chat in the terminal. Follow-up questions are understood; Ctrl-C stops an answer, /help lists the commands."""
    from rag.assistant import open_assistant

    talk = Conversation(open_assistant(loaded().settings), "rag")
    _set_arm(talk, arm)
    interactive = sys.stdin.isatty()
    if interactive:
        import readline  # noqa: F401  # arrow keys and history in input()

        err.print(f"{talk.assistant.generator.model}, arm {talk.arm}. {HELP}", markup=False)
    with asyncio.Runner() as runner:
        while (line := _line(interactive)) is not None:
            try:
                if not _command(talk, line):
                    return
            except UserError as exc:
                err.print(str(exc), markup=False)
                continue
            if line and not line.startswith("/"):
                _turn(talk, line, runner)


def _line(interactive: bool) -> str | None:
    """The next line, None at the end."""
    try:
        return input("> " if interactive else "").strip()
    except EOFError:
        return None


def _command(talk: Conversation, line: str) -> bool:
    """Obey a line that is a command; False ends the conversation. Raises UserError for an unknown one."""
    from ui.answering import sources

    word, _, rest = line.partition(" ")
    if word == "/quit":
        return False
    if word == "/arm":
        _set_arm(talk, rest.strip())
        err.print(f"Answers come by {talk.arm} now.", markup=False)
    elif word == "/sources":
        for found in (sources(talk.last) if talk.last else []) or ["The last answer has no sources."]:
            out.print(found, markup=False)
    elif word == "/clear":
        talk.history.clear()
        talk.last = None
        err.print("A new conversation.")
    elif word == "/help":
        err.print(HELP, markup=False)
    elif word.startswith("/"):
        raise UserError(f"There is no command {word}.", HELP)
    return True


def _set_arm(talk: Conversation, arm: str) -> None:
    from rag.assistant import ARMS

    if arm not in ARMS:
        raise UserError(f"There is no arm '{arm}'.", f"Choose one of: {', '.join(ARMS)}.")
    talk.arm = arm


def _turn(talk: Conversation, question: str, runner: asyncio.Runner) -> None:
    """One question; what goes wrong, or is stopped, leaves the conversation as it was."""
    from ui.answering import answer, closing, sources, write

    try:
        said = runner.run(answer(talk.assistant, question, talk.arm, talk.history, show=write))
    except UserError as exc:
        out.print()
        err.print(str(exc), markup=False)
        return
    except KeyboardInterrupt:
        out.print()
        err.print("Stopped.")
        return
    out.print()
    cited = {each.number for each in said.citations}
    for line in [line for line in sources(said) if int(line[1 : line.index("]")]) in cited] + [closing(said)]:
        if line:
            err.print(line, markup=False)
    talk.last = said
    talk.history += [Message("user", question), Message("assistant", said.text)]
