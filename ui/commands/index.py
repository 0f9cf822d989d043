"""`atlas index`: build, list, inspect, roll back and delete indexes."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ui.console import err, out
from ui.session import loaded

if TYPE_CHECKING:
    from rag.index.build import BuildReport
    from rag.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Build, list, inspect, roll back or delete indexes.")

SKIPPED = 3
"""Exit code of `build` when the index is live but some files are not in it."""

Name = Annotated[str, typer.Option("--name", "-n", help="Which index; default: index.name of the settings.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]


@app.command()
def build(
    folder: Annotated[Path | None, typer.Argument(help="Folder of documents; default: corpus of the settings.")] = None,
    *,
    name: Name = "",
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Fail at once when another build of this index is running.")] = False,
    as_json: Json = False,
) -> None:
    """Index a folder of documents. Only what is new is embedded; the live index answers until the new one is complete.

    Exit code 0: everything is in the index; 3: it is live, but some files were skipped; 2: nothing was changed.
    """
    from rag.index.build import build as run
    from ui.console import progress

    with progress() as show:
        report = run(_settings(name), corpus=folder, progress=show, wait=not no_wait)
    if as_json:
        out.print_json(json.dumps(asdict(report), ensure_ascii=False))
    else:
        _print_report(report)
    if report.problems:
        raise typer.Exit(SKIPPED)


@app.command(name="list")
def list_(*, name: Name = "", as_json: Json = False) -> None:
    """All versions of all indexes (or of one), the live ones marked."""
    from rag.index import manifest, versions

    settings = _settings(name)
    root = settings.home / "indexes"
    folders = [versions.folder_of(settings)] if name else sorted(path for path in root.glob("*") if path.is_dir())
    rows: list[dict[str, Any]] = []
    for folder in folders:
        live = versions.live(folder)
        for version in versions.names(folder):
            described = manifest.read(folder / version)
            rows.append({"index": folder.name, "version": version, "live": version == live, **_summary(described)})
    if as_json:
        out.print_json(json.dumps(rows, ensure_ascii=False))
    elif not rows:
        err.print(f"No index in {root}. Build one: atlas index build FOLDER", markup=False)
    else:
        _print_table(rows)


@app.command()
def info(
    version: Annotated[str, typer.Argument(help="Default: the live version.")] = "", *, name: Name = "", as_json: Json = False
) -> None:
    """Everything that the manifest of one version says."""
    from rag.index import manifest, versions

    folder = versions.folder_of(_settings(name))
    described = manifest.read(folder / (version or versions.current(folder)))
    manifest.check_files(folder / described.version, described)
    if as_json:
        out.print_json(json.dumps(asdict(described), ensure_ascii=False))
        return
    for key, value in asdict(described).items():
        if key == "files":
            value = f"{len(value)} files, {sum(value.values()) / 1e6:,.1f} MB"
        text = ", ".join(f"{inner} {what}" for inner, what in value.items()) if isinstance(value, dict) else str(value)
        out.print(f"{key:12} {text}", markup=False)


@app.command()
def rollback(version: Annotated[str, typer.Argument(help="Default: the one before the live one.")] = "", *, name: Name = "") -> None:
    """Make an older version the live one. A running chat follows by itself."""
    from rag.index import versions

    described = versions.rollback(_settings(name), version)
    out.print(f"Version {described.version} is live: {described.chunks:,} chunks of {described.documents:,} documents.", markup=False)


@app.command()
def delete(
    version: Annotated[str, typer.Argument(help="Default: the whole index.")] = "",
    *,
    name: Name = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove one version, or a whole index. With the index goes everything that was embedded for it."""
    from rag.index import versions

    settings = _settings(name)
    what = f"version {version} of index '{settings.index.name}'" if version else f"the whole index '{settings.index.name}'"
    if not yes:
        typer.confirm(f"Remove {what}?", abort=True, err=True)
    removed = versions.delete(settings, version)
    out.print(f"Removed {what}{'' if version else f' ({len(removed)} versions)'}.", markup=False)


def _settings(name: str) -> Settings:
    """The settings of this run, with another index if one was named on the command line."""
    settings = loaded().settings
    if not name:
        return settings
    from pydantic import ValidationError

    from rag.errors import SettingsError

    try:
        index = type(settings.index).model_validate({**settings.index.model_dump(), "name": name})
    except ValidationError as exc:
        raise SettingsError([f"command line: --name {name!r}: {error['msg']}." for error in exc.errors()]) from exc
    return settings.model_copy(update={"index": index})


def _print_report(report: BuildReport) -> None:
    for problem in report.problems:
        err.print(f"skipped {problem.path}: {problem.what}", markup=False)
    for twin in report.duplicates:
        kind = "a copy" if twin.overlap >= 1 else f"nearly a copy ({twin.overlap:.0%})"
        err.print(f"left out {twin.path}: {kind} of {twin.of}", markup=False)
    for note in report.notes:
        err.print(f"note: {note}", markup=False)
    if report.truncated:
        err.print(f"note: {report.truncated} chunks are longer than the embedder reads; their ends are found by words only", markup=False)
    size = f"{report.chunks:,} chunks of {report.documents:,} documents"
    if report.unchanged:
        out.print(f"Index '{report.name}' is up to date: version {report.version}, {size}.", markup=False)
        return
    work = f"{report.embedded:,} embedded, {report.reused:,} known, {sum(report.seconds.values()):.1f} s"
    skipped = f"; {len(report.problems)} files skipped" if report.problems else ""
    out.print(f"Index '{report.name}': version {report.version} is live, {size} ({work}){skipped}.", markup=False)


def _summary(described: Any) -> dict[str, Any]:
    store = f"{described.store['name']} {described.store.get('kind', '')}".strip()
    embedder = str(described.embedder.get("model", "?"))
    counts = {"documents": described.documents, "chunks": described.chunks}
    return {"created": described.created, **counts, "embedder": embedder, "store": store, "corpus": described.corpus}


def _print_table(rows: list[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in rows[0]:
        table.add_column(column, justify="right" if column in ("documents", "chunks") else "left", overflow="fold")
    for row in rows:
        table.add_row(
            *(
                "yes" if value is True else "" if value is False else f"{value:,}" if isinstance(value, int) else str(value)
                for value in row.values()
            )
        )
    out.print(table)
