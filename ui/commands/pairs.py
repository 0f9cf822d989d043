"""`atlas pairs`: question-answer pairs written by a model from the documents, and a look at what QA files hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rag.errors import InputError, SettingsError
from ui.console import err, out, progress
from ui.session import loaded

if TYPE_CHECKING:
    from adapters.data.audit import Row
    from adapters.data.synthetic import SyntheticReport
    from rag.progress import Progress
    from rag.settings import Settings
    from rag.types import Chunk

app = typer.Typer(no_args_is_help=True, help="Make QA pairs from the documents, and check QA files.")

INDEX = "index"
SHOWN = 5
"""Findings of each sort that are listed; the rest are counted."""

Documents = Annotated[str, typer.Option(metavar="FOLDER|index", help="Where the documents are: a folder, or the live index.")]
AsJson = Annotated[bool, typer.Option("--json", help="For a program.")]


@app.command()
def make(
    file: Annotated[Path, typer.Argument(metavar="OUT.jsonl", help="Where the pairs go; the same command goes on with it.")],
    *,
    documents: Documents = INDEX,
    count: Annotated[int, typer.Option(help="So many pairs; 0 = ask about every passage once.", min=0)] = 200,
    seed: Annotated[int, typer.Option(help="Decides which passages come first.")] = 0,
    model: Annotated[str, typer.Option(metavar="URL#MODEL", help="http://host/v1#model of the writer; default: that of [generate].")] = "",
    held_back: Annotated[
        list[Path] | None, typer.Option("--held-back", help="QA pairs you will test on: documents that they ask about are left out.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Let a model write question-answer pairs from the documents. Those that pass every filter are kept.

    A pair is dropped when its answer is not in the passage, when the model knows the answer without the passage, when the
    question speaks of "the document", or when it was asked already. Kill it or press Ctrl-C whenever you like: the same
    command goes on. Then look at some of them, and train: atlas train --qa OUT.jsonl
    """
    settings = _writer(loaded().settings, model)
    try:
        with progress() as show:
            report, wrote = _made(file, settings, _chunks(documents, settings, seed, held_back or [], show), count, show)
    except KeyboardInterrupt:
        err.print(f"The pairs so far are in {file}; the same command goes on.", markup=False)
        raise
    if as_json:
        row = {"file": str(file), "pairs": report.pairs, "passages": report.chunks, "model": wrote, "left_out": dict(report.dropped)}
        out.print_json(json.dumps(row, ensure_ascii=False))
        return
    for reason, number in sorted(report.dropped.items(), key=lambda item: -item[1]):
        err.print(f"left out: {number:,}, {reason}", markup=False)
    fewer = f" (there are no more passages; {count:,} were asked for)" if report.pairs < count else ""
    out.print(f"{report.pairs:,} pairs from {report.chunks:,} passages are in {file}{fewer}.", markup=False)
    out.print(f"They are synthetic: {wrote} wrote them, no person has read them. Look: atlas pairs check {file}", markup=False)


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="QA pairs (JSONL), as `atlas train` reads them.")],
    *,
    against: Annotated[
        list[Path] | None, typer.Option("--against", help="QA pairs to compare with, such as those you test on; repeatable.")
    ] = None,
    documents: Annotated[
        str, typer.Option(metavar="FOLDER|index", help="Also look whether the documents and the spans that rows name are there.")
    ] = "",
    embed: Annotated[bool, typer.Option("--embed/--no-embed", help="Compare questions by their meaning, too (loads the embedder).")] = True,
    as_json: AsJson = False,
) -> None:
    """Check QA files. It tells every bad line by its number, then what they hold, what is there twice, and what they share with others.

    Exit code 2: a line cannot be used; 1: something is shared with the files of --against, or gold is not in the documents.
    """
    from adapters.data import audit

    rows = audit.read_rows(files)
    others = audit.read_rows(against) if against else []
    settings = loaded().settings
    with progress() as show:
        found: dict[str, Any] = {"files": {str(file): _count([row for row in rows if row.file == file]) for file in files}}
        found["twice"] = [_repeat(each) for each in audit.repeats(rows)]
        found["astray"] = [f"{row}: {why}" for row, why in (audit.astray(rows, _texts(documents, settings, show)) if documents else [])]
        found |= _leaks(rows, others, settings, embed, show) if others else {"shared": []}
    if as_json:
        out.print_json(json.dumps(found, ensure_ascii=False))
    else:
        _tell(found, compared=len(others), looked=bool(documents))
    if found["shared"] or found["astray"]:
        raise typer.Exit(1)


@app.command(name="split")
def split_command(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="QA pairs (JSONL).")],
    *,
    train: Annotated[Path, typer.Option(metavar="FILE", help="Where the pairs to train on go.")],
    test: Annotated[Path, typer.Option(metavar="FILE", help="Where the pairs to test on go.")],
    share: Annotated[float, typer.Option(help="About this share of the pairs is for testing.", min=0.01, max=0.9)] = 0.25,
    seed: Annotated[int, typer.Option(help="Decides which documents are for testing.")] = 0,
) -> None:
    """Split QA pairs into some to train on and some to test on. No document is asked about in both files.

    Pieces of one work (work__01.md, work__02.md), its translations and turns of one conversation stay together. Rows are
    copied as they are. Files that are there already are not overwritten.
    """
    from adapters.data.audit import read_rows
    from adapters.data.split import near_pages, split

    existing = [str(file) for file in (train, test) if file.exists()]
    if existing:
        raise InputError(f"{' and '.join(existing)} exists already.", "Give another name, or remove it.")
    rows = {row.pair.id: row for row in read_rows(files)}
    parts = split([row.pair for row in rows.values()], share, seed, near=near_pages(files))
    for file, pairs in ((train, parts.train), (test, parts.validation)):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f"{rows[pair.id].text.strip()}\n" for pair in pairs), encoding="utf-8")
        unanswerable = sum(not pair.answerable for pair in pairs)
        out.print(f"{file}: {len(pairs):,} pairs, {unanswerable:,} of them unanswerable", markup=False)


def _writer(settings: Settings, model: str) -> Settings:
    """The settings with the model that writes. Raises SettingsError for a --model that is no URL, ServerError when nothing serves it."""
    from eval.arms.outside import elsewhere

    if not model:
        return settings
    if not model.startswith(("http://", "https://")):
        what = f"command line: --model {model} is not http://host/v1#model."
        raise SettingsError([f"{what} A model of your own settings is named by: atlas --set generate.model={model} pairs make ..."])
    return elsewhere(settings, model)


def _chunks(documents: str, settings: Settings, seed: int, held_back: list[Path], show: Progress) -> list[Chunk]:
    from adapters.data import chunks
    from rag.qa import read_pairs

    tested = read_pairs(held_back) if held_back else []
    found = chunks.of_index(settings) if documents == INDEX else chunks.of_folder(Path(documents), settings, progress=show)
    usable = chunks.without(found, tested)
    if not usable:
        raise InputError(f"All {len(found)} documents are asked about by the pairs that are held back.", "Hold fewer back.")
    if len(usable) < len(found):
        err.print(f"left out: {len(found) - len(usable):,} of {len(found):,} documents, held back for testing", markup=False)
    return chunks.spread(usable, seed)


def _made(file: Path, settings: Settings, chunks: list[Chunk], count: int, show: Progress) -> tuple[SyntheticReport, str]:
    import asyncio

    from adapters.data.synthetic import maker, synthesise
    from eval.evaluate import until_ready
    from rag.assistant import Assistant
    from rag.generate.generator import open_generator

    generator = open_generator(settings, progress=show)

    async def write() -> SyntheticReport:
        try:
            await until_ready(Assistant(settings, generator), progress=show)
            return await synthesise(chunks, generator, file, count=count, progress=show)
        finally:
            await generator.close()

    return asyncio.run(write()), maker(generator.model)


def _texts(documents: str, settings: Settings, show: Progress) -> dict[str, list[str]]:
    """Path -> the texts there (rows of a table file share its path)."""
    from rag.index import versions
    from rag.index.opened import open_current
    from rag.ingest.folder import read_folder

    texts: dict[str, list[str]] = {}
    if documents == INDEX:
        index = open_current(versions.folder_of(settings), settings.index)
        for document in index.documents():
            texts.setdefault(document.path, []).append(document.text)
        index.close()
    else:
        for document in read_folder(Path(documents), settings.ingest, progress=show).documents:
            texts.setdefault(document.path, []).append(document.text)
    return texts


def _leaks(rows: list[Row], others: list[Row], settings: Settings, embed: bool, show: Progress) -> dict[str, Any]:
    from adapters.data import audit
    from rag.embed.embedder import open_embedder

    leakage = audit.shared(rows, others, open_embedder(settings, progress=show).embed_queries if embed else None)
    lines, theirs = {row.pair.id: row for row in rows}, {row.pair.id: row for row in others}
    shared = [f"{lines[each.train]} = {theirs[each.held_back]} ({each.kind}, {each.score:.2f})" for each in leakage.findings]
    return {"shared": shared, "shared_by": leakage.counts, "sharing_pairs": len({each.train for each in leakage.findings})}


def _count(rows: list[Row]) -> dict[str, Any]:
    from dataclasses import asdict

    from adapters.data.audit import counts

    return asdict(counts(rows))


def _repeat(repeat: Any) -> str:
    how = (
        "the same question with other answers"
        if repeat.conflicting
        else "the same question"
        if repeat.exact
        else "nearly the same question"
    )
    return f"{repeat.row} = {repeat.first}: {how}"


def _tell(found: dict[str, Any], *, compared: int, looked: bool) -> None:
    for file, held in found["files"].items():
        kinds, languages = (", ".join(f"{name} {number:,}" for name, number in held[key].items()) for key in ("kinds", "languages"))
        out.print(f"{file}: {held['pairs']:,} pairs, {held['pairs'] - held['answerable']:,} of them unanswerable", markup=False)
        out.print(f"  languages: {languages}; kinds: {kinds}; with a gold span: {held['gold']:,}", markup=False)
    _list("asked twice", found["twice"], "No question is asked twice.")
    if looked:
        _list("gold that is not in the documents", found["astray"], "Every document and span that is named is there.")
    if compared:
        _list("shared with the files compared with", found["shared"], f"Nothing is shared with the {compared:,} pairs compared with.")
    if found["shared"]:
        kinds = ", ".join(f"{number:,} by {kind}" for kind, number in found["shared_by"].items())
        out.print(f"{found['sharing_pairs']:,} pairs share something ({kinds}). Train without them: --set train.leakage=drop", markup=False)


def _list(title: str, lines: list[str], none: str) -> None:
    if not lines:
        out.print(none, markup=False)
        return
    out.print(f"{title}: {len(lines):,}", markup=False)
    for line in lines[:SHOWN]:
        out.print(f"  {line}", markup=False)
    if len(lines) > SHOWN:
        out.print(f"  ... and {len(lines) - SHOWN:,} more (--json lists them all)", markup=False)
