"""`atlas adapters`: what adapters there are, where they are answered, and bringing them into service and out of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rag.errors import UserError
from ui.console import err, out, progress
from ui.session import loaded

if TYPE_CHECKING:
    from adapters.card import Card
    from adapters.store import Stored
    from rag.settings import Settings

app = typer.Typer(no_args_is_help=True, help="List, load, merge and move adapters.")

Name = Annotated[str, typer.Argument(help="Name of an adapter: atlas adapters list.")]
AsJson = Annotated[bool, typer.Option("--json", help="For a program.")]


@app.command("list")
def show(*, as_json: AsJson = False) -> None:
    """Show every adapter, its base model, and whether it is loaded."""
    from adapters import store

    settings = loaded().settings
    rows = [_row(store.find(name, settings.home), settings) for name in store.names(settings.home)]
    if as_json:
        out.print_json(json.dumps(rows, ensure_ascii=False))
        return
    if not rows:
        out.print("There is no adapter yet. Make one from question-answer pairs: atlas train")
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("adapter", "method", "base", "size", "weights", "state"):
        table.add_column(heading)
    for row in rows:
        table.add_row(row["name"], row["method"], row["base"], f"{row['mb']:.1f} MB", row["sha256"][:12], row["state"])
    out.print(table)


@app.command()
def info(name: Name, *, as_json: AsJson = False) -> None:
    """Show an adapter's card. It says how it was trained, on what, how well it did, and how it would be served here."""
    from adapters import store
    from adapters.card import Card

    settings = loaded().settings
    stored = store.find(name, settings.home)
    card = Card.read(stored.folder)
    row = _row(stored, settings)
    if as_json:
        out.print_json(json.dumps(row | {"card": card.model_dump(mode="json")}, ensure_ascii=False))
        return
    for heading, value in _facts(row, card, stored).items():
        out.print(f"{heading + ':':<12} {value}", markup=False)


@app.command()
def merge(
    name: Name,
    *,
    to: Annotated[Path | None, typer.Option(help="Copy the merged model there, as a folder of its own.")] = None,
    as_json: AsJson = False,
) -> None:
    """Add an adapter to its base. The result is a full model folder that vLLM and transformers serve, checked against the unmerged one."""
    import shutil

    from adapters.merge import merge as merged
    from rag.models import manifest

    settings = loaded().settings
    if to is not None and to.exists():
        raise UserError(f"{to} exists already.", "Name a folder that does not.")
    with progress() as report:
        folder = merged(name, settings, progress=report)
    place = Path(shutil.copytree(folder.path, to)) if to is not None else folder.path
    agreement = manifest.read(place)["agreement"]
    if as_json:
        out.print_json(json.dumps({"name": folder.name, "path": str(place), "revision": folder.revision, "agreement": agreement}))
        return
    out.print(f"{folder.name}: {place}", markup=False)
    mean, largest = agreement["mean"], agreement["largest"]
    out.print(f"It differs from the unmerged model by {mean:.3f} nats per likely token (mean; largest {largest:.3f}).")


@app.command()
def load(name: Name, *, as_json: AsJson = False) -> None:
    """Bring an adapter into service. A chat that is open uses it from its next question on.

    Atlas chooses the way (its reason is shown; serve.adapters overrides it), starts what is needed, and lets the adapter answer
    only when fixed questions have proven that it is the adapter, and that the base is still the base.
    """
    from adapters.serving import load as bring

    settings = loaded().settings
    with progress() as report:
        done = bring(name, settings, progress=report)
    if as_json:
        row = {"adapter": name, "way": done.route.way, "reason": done.decision.reason, "sha256": done.route.sha256}
        out.print_json(json.dumps(row | {"distances": done.report.distances}))
        return
    out.print(f"{name} is loaded ({done.route.way}), weights {done.route.sha256[:12]}.", markup=False)
    err.print(f"Why this way: {done.decision.reason}.", markup=False)
    err.print(f"Identity: {done.report}", markup=False)


@app.command()
def check(name: Name, *, as_json: AsJson = False) -> None:
    """Prove that a loaded adapter is itself, and the base the base. Exit code 1 when it is not."""
    from adapters.canary import prove
    from rag.generate.routes import Routes

    settings = loaded().settings
    with progress() as report:
        found = prove(Routes(settings).find(name), settings, progress=report)
    if as_json:
        out.print_json(json.dumps({"adapter": name, "proven": found.proven, "problems": found.problems, "distances": found.distances}))
    else:
        out.print(str(found), markup=False)
        for problem in found.problems:
            err.print(problem, markup=False)
    if not found.proven:
        raise typer.Exit(1)


@app.command()
def unload(name: Name) -> None:
    """Take an adapter out of service. Questions that it is answering are finished."""
    from adapters.serving import unload as take

    out.print(f"{name} is unloaded." if take(name, loaded().settings) else f"{name} was not loaded.", markup=False)


@app.command()
def delete(name: Name, *, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """Remove an adapter, and its merged model, from the disk."""
    from adapters import store
    from adapters.serving import delete as remove

    settings = loaded().settings
    folder = store.find(name, settings.home).folder
    if not yes:
        typer.confirm(f"Delete {folder}?", abort=True)
    remove(name, settings)
    out.print(f"{name} is deleted.", markup=False)


@app.command()
def export(name: Name, to: Annotated[Path, typer.Argument(help="A new folder, or one to put it into.")]) -> None:
    """Copy an adapter's folder, to take it elsewhere. It has the weights, their configuration and the card."""
    from adapters import store

    out.print(str(store.export(name, loaded().settings.home, to)), markup=False)


@app.command("import")
def bring_in(
    folder: Annotated[Path, typer.Argument(help="A folder made by `atlas adapters export`.")],
    *,
    name: Annotated[str, typer.Option(help="What to call it here; default: the folder's name.")] = "",
) -> None:
    """Copy an exported adapter into this home. Its card is read first."""
    from adapters import store
    from adapters.card import Card

    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder.", "Name one that `atlas adapters export` made.")
    Card.read(folder)
    stored = store.bring(folder, loaded().settings.home, name=name)
    out.print(f"{stored.name} is there. Load it: atlas adapters load {stored.name}", markup=False)


def _row(stored: Stored, settings: Settings) -> dict[str, Any]:
    """One line of the list. An adapter whose card cannot be read is listed with the reason."""
    from adapters.card import Card
    from adapters.serving import running
    from rag.generate import routes

    row: dict[str, Any] = {"name": stored.name, "folder": str(stored.folder), "shipped": stored.shipped, "mb": stored.megabytes}
    try:
        card, sha256 = Card.read(stored.folder), stored.sha256
    except UserError as exc:
        return row | {"method": "?", "base": "?", "sha256": "", "state": f"broken: {exc.what}"}
    state = "shipped" if stored.shipped else "-"
    if route := routes.read(settings.home).get(stored.name):
        state = f"loaded ({route.way})" if running(route, settings) else f"its server is gone: atlas adapters load {stored.name}"
        state += "" if route.sha256 == sha256 else ", with older weights"
    return row | {"method": card.method, "base": card.base.model, "sha256": sha256, "state": state}


def _facts(row: dict[str, Any], card: Card, stored: Stored) -> dict[str, str]:
    from adapters.card import problems
    from adapters.gate import route

    settings = loaded().settings
    try:
        wrong = problems(card, stored.folder, settings)
        served = f"cannot be: {'; '.join(wrong)}" if wrong else str(route(card, settings))
    except UserError as exc:
        served = str(exc)
    last, data = card.curve[-1] if card.curve else None, card.data
    return {
        "adapter": f"{card.name}, {row['mb']:.1f} MB, {row['state']}",
        "folder": str(stored.folder),
        "weights": f"sha256 {row['sha256']}",
        "base": f"{card.base.model}, revision {card.base.revision}",
        "method": f"{card.method}, {card.parameters:,} parameters, {_pairs(card.options)}",
        "training": f"{_pairs(card.training)}; seed {card.seed}; {card.seconds:,.0f} s; style {card.style}",
        "data": f"{data.training:,} examples ({_pairs(data.sizes)}), {data.validation:,} held back {data.split}".rstrip(),
        "curve": f"{len(card.curve)} points, last: {_pairs(last.model_dump(exclude_none=True))}" if last else "-",
        "evaluation": _pairs(card.evaluation) or "-",
        "bias": ", ".join(f"{value:+.2f} nats on token {token}" for token, value in card.bias.items()) or "-",
        "routes": ", ".join(card.routes),
        "here": served,
        "template": card.template,
        "versions": _pairs(card.versions),
        "made": f"{card.created} by: {card.command or '-'}",
    }


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{key} {f'{value:.4g}' if isinstance(value, float) else value}" for key, value in values.items())
