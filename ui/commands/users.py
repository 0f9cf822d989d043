"""`atlas users`: who may log in to the page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rag.errors import SettingsError
from ui.console import err, out
from ui.session import loaded

app = typer.Typer(no_args_is_help=True, help="Say who may log in to the page.")

Name = Annotated[str, typer.Argument(help="Name to log in with.")]
File = Annotated[Path | None, typer.Option("--file", help="The users file; default: the setting ui.users.")]


@app.command()
def add(name: Name, *, file: File = None) -> None:
    """Add somebody, or change the password. It is asked for twice and not shown."""
    from ui.guard import users

    users.check_name(name)
    password = typer.prompt("Password", hide_input=True, confirmation_prompt="The same again", err=True)
    where = _file(file)
    users.add(where, name, password)
    err.print(f"{name} may log in ({where}).", markup=False)
    if not loaded().settings.ui.users:
        err.print(f'The page asks for a login once this is set: [ui] users = "{where}" in atlas.toml.', markup=False)


@app.command()
def remove(name: Name, *, file: File = None) -> None:
    """Remove somebody. Whoever is logged in under that name is out at once."""
    from ui.guard import users

    where = _file(file)
    users.remove(where, name)
    err.print(f"{name} may not log in any more ({where}).", markup=False)


@app.command("list")
def show(*, file: File = None) -> None:
    """Show who may log in."""
    from ui.guard import users

    for name in users.read(_file(file)):
        out.print(name, markup=False)


def _file(given: Path | None) -> Path:
    found = given or loaded().settings.ui.users
    if not found:
        raise SettingsError(["ui.users is not set. Set it in atlas.toml, or say where: --file FILE"])
    return Path(found).expanduser()
