"""`atlas study`: many short trainings that find out which settings pay, before a long one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rag.errors import InputError
from ui.console import err, out, progress
from ui.session import loaded

if TYPE_CHECKING:
    from adapters.study.outcome import Outcome, Trial
    from adapters.study.space import Space
    from eval.intervals import Interval
    from rag.settings import Settings

HELP = """Find out by many short trainings which settings of [train] pay.

Each trial is a real training on a part of the examples. It is scored by its answers to QA pairs that are held back by document;
the pairs of --test are never asked. The first trial has the present settings; Optuna proposes the others and gives up those
that lag behind. At the end: a table, which settings mattered, and lines for atlas.toml. Kill it or press Ctrl-C whenever you
like: the same command goes on.

\b
Examples:
  atlas study --qa train.jsonl --test test.jsonl --trials 12 --minutes 120
  atlas study --qa train.jsonl --space mine.toml --name mine     (mine.toml: see adapters/study/space.toml)
  atlas study show mine
"""
CAUTION = "The best of several looks better than it is. Train with these settings and all examples, and test that: atlas eval"

app = typer.Typer(invoke_without_command=True)
AsJson = Annotated[bool, typer.Option("--json", help="For a program.")]


@app.callback(help=HELP)
def study(  # noqa: PLR0913  (each is an option of the command line)
    ctx: typer.Context,
    *,
    qa: Annotated[list[Path] | None, typer.Option("--qa", help="QA pairs (JSONL) to learn from; repeatable. Default: train.qa.")] = None,
    test: Annotated[
        list[Path] | None, typer.Option("--test", help="QA pairs you will test on: what training shares with them stops the study.")
    ] = None,
    trials: Annotated[int, typer.Option(help="Trainings in all, those of an earlier call counted.", min=1)] = 12,
    minutes: Annotated[float, typer.Option(help="Begin no training after so many minutes; 0 = no limit.", min=0)] = 0,
    space: Annotated[str, typer.Option(metavar="FILE|default", help="What is tried: a TOML file.")] = "default",
    examples: Annotated[int, typer.Option(help="Examples of each training; what pays with few may not pay with many.", min=1)] = 200,
    pairs: Annotated[int, typer.Option(help="Held-back pairs that score a training; fewer are quicker and tell less.", min=1)] = 64,
    name: Annotated[str, typer.Option(help="The study's name; default: the corpus' and the method's.")] = "",
    as_json: AsJson = False,
) -> None:
    if ctx.invoked_subcommand is not None:
        return
    from adapters.study import study as studies
    from rag.qa import read_pairs
    from ui.commands.train import score

    settings = _settings(loaded().settings, qa or [], examples, pairs)
    name = name or f"{settings.corpus.resolve().name.lower()}-{settings.train.method}"
    wanted = studies.Wanted(name, _space(space, settings), trials, minutes)
    asked, tested = read_pairs([Path(file) for file in settings.train.qa]), read_pairs(test) if test else []
    with progress() as show:
        found = studies.run(settings, wanted, asked, score, tested=tested, tell=_tell, progress=show)
    _report(found, as_json=as_json)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Name of a study; without one: those that there are.")] = "", *, as_json: AsJson = False
) -> None:
    """Show what a study has found so far."""
    from adapters.study import study as studies

    settings = loaded().settings
    if name:
        _report(studies.read(settings, name), as_json=as_json)
        return
    known = studies.names(settings)
    if not known:
        raise InputError("There is no study yet.", "Begin one: atlas study --qa FILE")
    out.print("\n".join(known), markup=False)


def _settings(settings: Settings, qa: list[Path], examples: int, pairs: int) -> Settings:
    """The budget of a trial, and no early stop: giving up is left to the comparison with the other trials."""
    train = settings.train
    changed = {"examples": examples, "validation_pairs": pairs, "patience": max(train.patience, train.validations)}
    if qa:
        changed["qa"] = tuple(map(str, qa))  # type: ignore[assignment]
    return settings.model_copy(update={"train": train.model_copy(update=changed)})


def _space(space: str, settings: Settings) -> Space:
    from adapters.study import space as spaces

    return spaces.default(settings) if space == "default" else spaces.read(Path(space), settings)


def _tell(line: str) -> None:
    err.print(line, markup=False)


def _report(found: Outcome, *, as_json: bool) -> None:
    """Terminal: a table, the best against the present settings, what mattered, lines for atlas.toml."""
    from adapters.study.outcome import snippet

    if as_json:
        out.print_json(json.dumps(_row(found), ensure_ascii=False))
        return
    _table(found)
    best = found.best
    if best is None:
        out.print("No trial has finished yet.")
        return
    out.print(f"\n{_verdict(found, best)}", markup=False)
    if found.importance:
        finished = sum(trial.state == "finished" for trial in found.trials)
        shares = ", ".join(f"{key} {share:.0%}" for key, share in found.importance.items())
        out.print(f"\nWhat mattered (fANOVA over {finished} finished trials; with so few a hint): {shares}", markup=False)
    out.print(f"\n{snippet(best.values)}\n", markup=False)
    out.print(CAUTION, markup=False)


def _table(found: Outcome) -> None:
    from rich.table import Table

    keys = list(dict.fromkeys(key for trial in found.trials for key in trial.values))
    table = Table(box=None, pad_edge=False)
    for heading in ("trial", "state", "score", "answers", "refuses", "min", *(key.removeprefix("options.") for key in keys)):
        table.add_column(heading)
    for trial in sorted(found.trials, key=lambda each: (each.score is None, -(each.score or 0.0), each.number)):
        share = {answerable: _mean(found, trial, answerable) for answerable in (True, False)}
        values = [_short(trial.values.get(key, "")) for key in keys]
        table.add_row(str(trial.number), trial.state, _points(trial.score), share[True], share[False], f"{trial.seconds / 60:.1f}", *values)
    out.print(table)
    answerable = sum(found.answerable[each] for each in _asked(found) if each in found.answerable)
    asked = len(_asked(found))
    out.print(
        f"score: mean over {asked} held-back pairs, of {answerable} that can be answered the F1 (answers), "
        f"of {asked - answerable} that cannot the share refused (refuses), in points; of a pruned trial the best until then.",
        markup=False,
    )
    for trial in found.trials:
        if trial.problem:
            out.print(f"trial {trial.number} failed: {trial.problem}", markup=False)


def _verdict(found: Outcome, best: Trial) -> str:
    present = found.present
    if present is None:
        return f"Best: trial {best.number} with {_points(best.score)}. The trial with the present settings did not finish."
    if best.number == present.number:
        return f"No trial was better than the present settings ({_points(present.score)})."
    gap = gain(found, best, present)
    sure = "" if gap.low > 0 else ": it may be no better"
    return (
        f"Best: trial {best.number} with {_points(best.score)}, the present settings have {_points(present.score)}: "
        f"{100 * gap.mean:+.1f} points (95 % interval {100 * gap.low:+.1f} to {100 * gap.high:+.1f}{sure})."
    )


def gain(found: Outcome, best: Trial, present: Trial) -> Interval:
    """Of the best over the present settings, over the pairs that both answered, documents resampled."""
    from eval.intervals import Bootstrap

    both = [each for each in best.scores if each in present.scores]
    bootstrap = Bootstrap([found.groups.get(each, each) for each in both])
    return bootstrap.difference([best.scores[each] for each in both], [present.scores[each] for each in both])


def _row(found: Outcome) -> dict[str, Any]:
    from dataclasses import asdict

    best, present = found.best, found.present
    row: dict[str, Any] = {"study": found.name, "trials": [asdict(trial) for trial in found.trials], "importance": dict(found.importance)}
    row["best"] = best.number if best else None
    row["gain"] = asdict(gain(found, best, present)) if best and present else None
    return row


def _asked(found: Outcome) -> set[str]:
    return {pair for trial in found.trials for pair in trial.scores}


def _mean(found: Outcome, trial: Trial, answerable: bool) -> str:
    values = [value for pair, value in trial.scores.items() if found.answerable.get(pair) is answerable]
    return _points(sum(values) / len(values)) if values else "-"


def _points(score: float | None) -> str:
    return "-" if score is None else f"{100 * score:.1f}"


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
