"""`atlas train`: QA pairs in, an adapter out that answers from the documents better than the base model does."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ui.console import err, out, progress
from ui.session import loaded

if TYPE_CHECKING:
    from adapters.card import Card
    from adapters.train.estimate import Estimate
    from adapters.train.plan import Plan
    from rag.assistant import Assistant
    from rag.qa import Pair
    from rag.settings import Settings

FEW_WORKS = 5
"""An adapter validated on one article refused 10 % of its answerable questions, and 17 % of those about four others (docs/log.md)."""

app = typer.Typer(help="Train an adapter on QA pairs and retrieved passages.")


@app.command()
def train(  # noqa: PLR0913  (options of a command)
    *,
    name: Annotated[str, typer.Option(help="The adapter's name; default: the corpus' and the method's.")] = "",
    qa: Annotated[list[Path] | None, typer.Option("--qa", help="QA pairs (JSONL) to learn from; repeatable. Default: train.qa.")] = None,
    held_back: Annotated[
        list[Path] | None, typer.Option("--held-back", help="QA pairs you will test on: what training shares with them stops the run.")
    ] = None,
    method: Annotated[str, typer.Option(help="How to tune: lora, dora, ia3, prefix, ... (docs/methods.md has them all).")] = "",
    option: Annotated[
        list[str] | None, typer.Option("--option", help="An option of the method, as r=8; repeatable.", metavar="KEY=VALUE")
    ] = None,
    estimate: Annotated[bool, typer.Option("--estimate", help="Say how long it will take and how much memory, and stop.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin again where an unfinished training of this name is.")] = False,
    load: Annotated[bool, typer.Option("--load/--no-load", help="Bring it into service when it is done.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="The card, for a program.")] = False,
) -> None:
    """Train an adapter on QA pairs and retrieved passages.

    Kill it or press Ctrl-C whenever you like: the same command goes on from the last checkpoint. Everything else is set in
    section train of atlas.toml, or for once: atlas --set train.epochs=3 train --option r=8
    """
    from adapters.train.length import estimated

    settings = _settings(qa, method, option or [])
    with progress() as show:
        assistant, planned = _planned(settings, name, held_back or [], show)
        _tell_plan(planned)
        if estimate:
            found = estimated(settings, planned, assistant, progress=show)
        else:
            card = _trained(settings, planned, assistant, fresh=fresh, show=show)
    if estimate:
        out.print(json.dumps(asdict(found)) if as_json else _sentence(found, settings.train.minutes), markup=False)
        return
    out.print(card.model_dump_json() if as_json else _done(card), markup=False)
    if load:
        _load(settings, planned.name)


def _settings(qa: list[Path] | None, method: str, options: list[str]) -> Settings:
    """The settings with what the command line says of [train]. Raises SettingsError for an option that is not KEY=VALUE."""
    from rag.errors import SettingsError

    wrong = [text for text in options if "=" not in text]
    if wrong:
        raise SettingsError([f"--option {text} is not KEY=VALUE, as in --option r=8." for text in wrong])
    settings = loaded().settings
    changed: dict[str, Any] = {}
    if qa:
        changed["qa"] = tuple(map(str, qa))
    if method:
        changed["method"], changed["options"] = method, {}
    if options:
        changed["options"] = {
            **changed.get("options", settings.train.options),
            **{key: _value(text) for key, _, text in (each.partition("=") for each in options)},
        }
    return settings.model_copy(update={"train": settings.train.model_copy(update=changed)})


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _planned(settings: Settings, name: str, held_back: list[Path], show: Any) -> tuple[Assistant, Plan]:
    from adapters.data.build import prepare
    from adapters.train.plan import check, plan
    from rag.assistant import open_assistant
    from rag.qa import read_pairs

    name = name or f"{settings.corpus.resolve().name.lower()}-{settings.train.method}"
    check(settings, name)
    pairs = read_pairs([Path(file) for file in settings.train.qa])
    tested = read_pairs(held_back) if held_back else []
    assistant = open_assistant(settings, progress=show)
    prepared = prepare(settings, pairs, assistant, held_back=tested, progress=show)
    return assistant, plan(settings, prepared, name=name, progress=show)


def _tell_plan(planned: Plan) -> None:
    made, works = planned.prepared.report.examples, planned.prepared.report.works
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in made.kinds.items() if count)
    err.print(f"{planned.name}: {planned.method.title} on {planned.base.name}; {made.examples:,} examples ({kinds}).", markup=False)
    for reason, count in made.skipped.items():
        err.print(f"left out: {count:,} pairs, {reason}", markup=False)
    if works < FEW_WORKS:
        may_fail = "What is chosen on so few (the checkpoint, how readily it refuses) may not hold for others"
        err.print(f"Works that the held-back questions ask about: {works}. {may_fail}; train.validation holds back more.", markup=False)
    err.print(f"It will be served {planned.decision}", markup=False)


def _trained(settings: Settings, planned: Plan, assistant: Assistant, *, fresh: bool, show: Any) -> Card:
    from adapters.train.run import train as run
    from adapters.train.validate import Judge

    return run(settings, planned, assistant, Judge(score), fresh=fresh, tell=lambda line: err.print(line, markup=False), progress=show)


def score(pair: Pair, text: str) -> float:
    """What a held-back answer is worth: token F1, or 1 for a refusal where nothing can be answered."""
    from eval.metrics.text import token_f1
    from rag.context.citations import refuses, without_markers

    if not pair.answerable:
        return float(refuses(text))
    return token_f1(without_markers(text), pair.answers, pair.language)


def _sentence(found: Estimate, minutes: float) -> str:
    from adapters.train.length import cut_short

    said = (
        f"About {found.seconds / 60:.0f} minutes and {found.gigabytes:.1f} GB: {found.examples:,} examples, "
        f"{found.tokens:,} tokens, {found.steps:,} steps, {found.parameters:,} parameters, {found.tokens_per_second:.0f} tokens/s."
    )
    return f"{said}\n{cut_short(found, minutes)}" if found.steps < found.whole_steps else said


def _done(card: Card) -> str:
    best = card.evaluation.get("held_back_score")
    said = f", held-back score {100 * best:.1f} at step {card.evaluation['step']}" if best is not None else ""
    return f"Trained {card.name}: {card.parameters:,} parameters in {card.seconds / 60:.1f} minutes{said}. atlas adapters info {card.name}"


def _load(settings: Settings, name: str) -> None:
    from adapters import serving
    from rag.errors import ServerError, UserError

    try:
        with progress() as show:
            found = serving.load(name, settings, progress=show)
    except (ServerError, UserError) as exc:
        err.print(f"Not loaded: {exc}", markup=False)
        err.print(f"The adapter is kept. Load it later: atlas adapters load {name}", markup=False)
        raise typer.Exit(2) from exc
    out.print(f"Loaded {name} ({found.decision}). {found.report}", markup=False)
