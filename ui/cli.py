"""The `atlas` command: options that come before every command, and the table of commands, each imported only when it runs."""

from __future__ import annotations

import importlib
import logging
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from rag.errors import AtlasError, UserError
from ui.session import loaded, options

COMMANDS = {
    "up": "Everything at once: models, index, model server, chat page.",
    "ask": "Answer one question.",
    "chat": "Chat in the terminal.",
    "ui": "Open the chat page.",
    "search": "Show what a question finds, and the scores that say why.",
    "index": "Build, list, inspect, roll back or delete indexes.",
    "models": "List, fetch and verify models.",
    "pairs": "Make QA pairs from the documents, and check QA files.",
    "train": "Train an adapter on QA pairs and retrieved passages.",
    "study": "Find out by many short trainings which settings of [train] pay.",
    "adapters": "List, load, merge and move adapters.",
    "serve": "Start, stop or look at the model server.",
    "calibrate": "Set when Atlas says that the corpus lacks the answer.",
    "eval": "Find out which way to adapt pays, and how sure that is.",
    "bench": "Measure retrieval, answers, indexing and serving.",
    "users": "Say who may log in to the page.",
    "config": "Show every setting, its value and where that value came from.",
    "doctor": "Check this machine and this installation, and say what to do.",
}
"""Name -> help line. The command lives in `ui.commands.<name>`, as a Typer called `app`; a test keeps the lines the same."""


class LazyGroup(TyperGroup):
    """Shows the table without importing anything; imports a command's module when it is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        stub = typer.Typer(add_completion=False, rich_markup_mode=None)
        stub.command(cmd_name, help=COMMANDS[cmd_name])(_nothing)
        return typer.main.get_command(stub)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, found, rest = super().resolve_command(ctx, args)
        return name, load(name) if name in COMMANDS else found, rest


def _nothing() -> None:
    """Stands in for a command while only its help line is shown."""


def load(name: str) -> Any:
    """The real command of that name, its module imported now."""
    app = importlib.import_module(f"ui.commands.{name}").app
    app.rich_markup_mode = None  # plain, as below; and markup would swallow "[train]"
    command = typer.main.get_command(app)
    command.name = name
    command.params = [param for param in command.params if param.name not in ("install_completion", "show_completion")]
    return command


HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}
# Plain help: drawing it with rich would cost 0.2 s of importing.
app = typer.Typer(cls=LazyGroup, no_args_is_help=True, add_completion=False, rich_markup_mode=None, context_settings=HELP_OPTIONS)


@app.callback()
def frame(
    *,
    config: Annotated[Path | None, typer.Option(help="Settings file; default: atlas.toml in this folder, or $ATLAS_CONFIG.")] = None,
    profile: Annotated[str | None, typer.Option(help="default, or tiny: the smallest model, for slow machines.")] = None,
    home: Annotated[Path | None, typer.Option(help="Where models, indexes, runs and logs live; default: .atlas, or $ATLAS_HOME.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any setting, as in retrieve.top_k=5. Repeatable.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show what the libraries log.")] = False,
) -> None:
    """Compare prompting, retrieval and adapters on your own documents, and chat with the result."""
    loaded.cache_clear()
    options.config, options.profile, options.home = config, profile, home
    options.set, options.verbose = tuple(set_ or ()), verbose
    logging.basicConfig(level=logging.INFO if verbose else logging.ERROR, format="%(asctime)s %(name)s: %(message)s", stream=sys.stderr)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code: 0, 1 (a check failed), 2 (the user can mend it), 70 (a defect), 130 (Ctrl-C)."""
    command = typer.main.get_command(app)
    try:
        result = command.main(args=list(arguments), prog_name="atlas", standalone_mode=False)
    except typer.Exit as exc:
        return int(exc.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        _say("Stopped.")
        return 130
    except UserError as exc:
        _say(str(exc))
        return 2
    except AtlasError:
        _say(traceback.format_exc().rstrip())
        return 70
    except Exception as exc:
        if hasattr(exc, "exit_code") and hasattr(exc, "show"):  # Typer's own errors of usage: a wrong option, a missing argument
            exc.show()
            return int(exc.exit_code)
        raise
    if result == 130:  # Typer turns Ctrl-C into an exit code by itself, silently
        _say("Stopped.")
    return result if isinstance(result, int) else 0


def _say(text: str) -> None:
    from ui.console import err

    err.print(text, markup=False, style="red" if err.is_terminal else None)


def main() -> None:
    sys.exit(run(sys.argv[1:]))
