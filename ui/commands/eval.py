"""`atlas eval`: which way to adapt pays on these documents, and how sure is that."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rag.errors import InputError, SettingsError
from ui.console import err, out, progress
from ui.session import loaded

if TYPE_CHECKING:
    from eval.cost import Prices
    from eval.request import Request
    from eval.types import Run
    from eval.votes import Vote
    from rag.progress import Progress
    from rag.settings import Settings

HELP = """Find out which way to adapt pays, and how sure that is.

Every arm is asked the same questions over the same retrieved passages. The verdict comes first, with its 95 % interval; then
a table, the contrasts, and the path of the report (HTML, JSON, CSV). An evaluation that was stopped, however rudely, goes on
where it was when it is started again.

\b
Examples:
  atlas eval --qa pairs.jsonl
      prompting against retrieval; with an adapter loaded (atlas adapters load NAME), all four corners
  atlas eval --qa pairs.csv --arms rag,rag+lora --adapter mine --limit 100 --compare last
      100 questions spread over the file, two arms, and what has changed since the last run
  atlas eval --resume last --judge http://127.0.0.1:9000/v1#model --price-hour 1.2 --amortise 100000
      have the answers of the last run judged, and reckon with prices: nothing is asked again

\b
Arms: icl, zero-shot, rag, lora, rag+lora (rag+lora:NAME for one adapter of several), and to find out where answers are lost:
oracle (the gold passages given), shuffled (another question's), full-doc (whole documents). An arm named twice is asked twice.
"""

RESUMABLE = ("resume", "compare", "lang", "out_folder", "votes")
PRICES = {"price_hour": "hour", "price_prompt": "prompt", "price_answer": "answer", "currency": "currency", "amortise": "questions"}
"""Option -> field of eval.cost.Prices."""
"""Options that change no answer: they may be given again with --resume."""

app = typer.Typer(invoke_without_command=True)

Lang = Annotated[str, typer.Option(help="Language of verdict and report: en or ru; default: ui.language, else en.")]


@app.callback(help=HELP)
def evaluate(  # noqa: PLR0913  (each is an option of the command line)
    ctx: typer.Context,
    *,
    qa: Annotated[list[Path] | None, typer.Option("--qa", help="Questions: JSONL, CSV or SQuAD JSON; repeatable.")] = None,
    arms: Annotated[
        str, typer.Option(help="Separated by commas; default: icl,rag,oracle,shuffled, with an adapter lora,rag+lora, too.")
    ] = "",
    adapter: Annotated[list[str] | None, typer.Option(help="Adapter to evaluate, repeatable; default: the one loaded last.")] = None,
    outside: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=TARGET",
            help="Another system as an arm: http://host/v1#model, or module:attribute (LangChain, LlamaIndex). A URL gets the key of"
            " generate.api_key_env.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(help="Ask so many questions, spread evenly over the files; 0 = all.", min=0)] = 0,
    in_flight: Annotated[int, typer.Option(help="Questions asked at once.", min=1)] = 16,
    style: Annotated[str, typer.Option(help="short: answers of a phrase, which can be scored by their words; full: sentences.")] = "short",
    seed: Annotated[int, typer.Option(help="Of the spread and the shuffling.")] = 0,
    margin: Annotated[float, typer.Option(help="Differences of less points than this count as none.", min=0.1, max=50)] = 3.0,
    judge: Annotated[
        str,
        typer.Option(help="http://host/v1#model of a model that judges answers; off by default. It gets the key of generate.api_key_env."),
    ] = "",
    votes: Annotated[
        Path | None, typer.Option(help="Votes of people (JSONL) to measure the judge against; default: those given in the chat.")
    ] = None,
    nli: Annotated[
        str, typer.Option(metavar="FOLDER", help="Cross-encoder for NLI that tells whether passages support answers; off by default.")
    ] = "",
    price_hour: Annotated[float, typer.Option(help="Price of an hour of this machine.", min=0)] = 0.0,
    price_prompt: Annotated[float, typer.Option(help="Price of a million tokens of prompts.", min=0)] = 0.0,
    price_answer: Annotated[float, typer.Option(help="Price of a million tokens of answers.", min=0)] = 0.0,
    currency: Annotated[str, typer.Option(help="Of the prices.")] = "USD",
    amortise: Annotated[int, typer.Option(help="Questions over which the training is spread; 0 = those of the run.", min=0)] = 0,
    compare: Annotated[str, typer.Option(metavar="RUN", help="Also say what has changed since that run (its name, or last).")] = "",
    name: Annotated[str, typer.Option(help="A name of yours for this run.")] = "",
    resume: Annotated[str, typer.Option(metavar="RUN", help="Go on with that run (its name, or last), as it was started.")] = "",
    fresh: Annotated[bool, typer.Option("--fresh", help="Start anew, though the same evaluation was begun before.")] = False,
    lang: Lang = "",
    out_folder: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="Where the report goes; default: into the run.")
    ] = None,
) -> None:
    if ctx.invoked_subcommand is not None:
        return
    from eval import runs
    from eval.cost import Prices
    from eval.request import Request

    settings, language = loaded().settings, _language(lang)
    if style not in ("short", "full"):
        raise SettingsError([f"command line: --style {style} is neither short nor full."])
    folder = runs.find(settings, resume) if resume else None
    earlier = runs.load(_earlier(settings, compare, folder)) if compare else None
    given = {option for option in ctx.params if getattr(ctx.get_parameter_source(option), "name", "") == "COMMANDLINE"}
    prices = Prices(price_hour, price_prompt, price_answer, currency, amortise)
    further: dict[str, Any] = {"in_flight": in_flight, "margin": margin / 100, "judge": judge, "nli": nli}
    if folder is not None:
        request = _as_it_was(folder, given, further, prices)
    elif qa:
        chosen = tuple(arm.strip() for arm in arms.split(",") if arm.strip())
        kept: dict[str, Any] = {"limit": limit, "seed": seed, "style": style, "name": name, "prices": prices, **further}
        request = Request(tuple(qa), chosen, tuple(adapter or ()), _outside(outside or []), **kept)
    else:
        raise InputError("There are no questions to ask.", "Give a file: atlas eval --qa corpora/atlas/qa/test.en.jsonl")
    run, folder = _evaluated(request, settings, folder, fresh, _votes(votes, request, settings))
    _report(run, out_folder or folder / "report", language=language, earlier=earlier)


@app.command("list")
def show_all(*, as_json: Annotated[bool, typer.Option("--json", help="For a program.")] = False) -> None:
    """Show the runs of this home, oldest first."""
    from rich.table import Table

    from eval import journal, runs

    rows = []
    for folder in runs.everything(loaded().settings):
        held = runs.read_manifest(folder)
        answers = len(journal.answered(journal.read(folder / runs.REPLIES))[0])
        state = "finished" if runs.finished(folder) else "unfinished"
        rows.append(
            {"run": folder.name, "name": held["name"], "state": state, "answers": answers, "arms": held["arms"], "qa": list(held["qa"])}
        )
    if as_json:
        out.print_json(json.dumps(rows, ensure_ascii=False))
        return
    if not rows:
        out.print("There are no runs yet. Make one: atlas eval --qa FILE")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("run", "name", "state", "answers", "arms"):
        table.add_column(heading)
    for row in rows:
        table.add_row(row["run"], row["name"], row["state"], str(row["answers"]), ", ".join(row["arms"]))
    out.print(table)


@app.command()
def show(
    run: Annotated[str, typer.Argument(help="Its name, the beginning of it, the name you gave it, or last.")] = "last",
    *,
    lang: Lang = "",
    compare: Annotated[str, typer.Option(metavar="RUN", help="Also say what has changed since that run.")] = "",
    out_folder: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="Where the report goes; default: into the run.")
    ] = None,
) -> None:
    """Show the verdict of an earlier run again, and make its report anew."""
    from eval import runs

    settings, language = loaded().settings, _language(lang)
    folder = runs.find(settings, run)
    earlier = runs.load(_earlier(settings, compare, folder)) if compare else None
    _report(runs.load(folder), out_folder or folder / "report", language=language, earlier=earlier)


def _votes(file: Path | None, request: Request, settings: Settings) -> tuple[Vote, ...]:
    """Those of the file, else those of the chat; none where no judge is measured against them. Raises UserError."""
    from eval.votes import read_votes
    from ui.voted import votes_of

    if file is not None and not request.judge:
        raise SettingsError(["command line: --votes needs --judge: votes are what a judge is measured against."])
    if file is not None:
        return read_votes(file)
    return votes_of(settings.home) if request.judge else ()


def _as_it_was(folder: Path, given: Collection[str], further: Mapping[str, Any], prices: Prices) -> Request:
    """The request of a run that is resumed, with what may be said anew. Raises SettingsError for options that would change its answers."""
    from dataclasses import replace

    from eval import runs
    from eval.request import from_json

    wrong = [f"--{option.replace('_', '-')}" for option in sorted(given) if option not in {*further, *PRICES, *RESUMABLE}]
    if wrong:
        what = f"command line: {', '.join(wrong)} cannot be given with --resume, which goes on with the run as it was started."
        raise SettingsError([what])
    request = from_json(runs.read_manifest(folder)["request"])
    priced = replace(request.prices, **{field: getattr(prices, field) for option, field in PRICES.items() if option in given})
    return replace(request, prices=priced, **{key: value for key, value in further.items() if key in given})


def _evaluated(request: Request, settings: Settings, resume: Path | None, fresh: bool, votes: Sequence[Vote]) -> tuple[Run, Path]:
    from eval.evaluate import Watch, evaluate

    with progress() as report:
        watch = Watch(report, lambda line: err.print(line, markup=False), identity_check(settings, report))
        return evaluate(request, settings, resume=resume, fresh=fresh, facts=_training(settings), votes=votes, watch=watch)


def identity_check(settings: Settings, report: Progress) -> Callable[[str], None]:
    """Proves, by questions to which base and adapter say different things, that an adapter is loaded and is itself."""

    def check(name: str) -> None:
        from adapters import canary

        canary.check(name, settings, progress=report)

    return check


def _training(settings: Settings) -> dict[str, Any]:
    """Seconds that each adapter's training took, for the cost of a right answer; an adapter without a readable card has none."""
    from adapters import store
    from adapters.card import Card

    seconds = {}
    for name in store.names(settings.home):
        try:
            seconds[name] = Card.read(store.find(name, settings.home).folder).seconds
        except InputError as exc:
            err.print(f"note: {exc}", markup=False)
    return {"training_seconds": {name: taken for name, taken in seconds.items() if taken}}


def _report(run: Run, folder: Path, *, language: str, earlier: Run | None) -> None:
    """Terminal first, then the files."""
    from eval.compared import compared
    from eval.report import write
    from ui.verdicts import print_regression, print_run

    print_run(run, language=language)
    if earlier is not None:
        run, found = compared(run, earlier)
        print_regression(found, earlier.name)
    out.print(f"\nReport: {write(run, folder, language=language)}", markup=False)


def _earlier(settings: Settings, name: str, but: Path | None) -> Path:
    """The run to compare with; "last" is the last finished one, and not the one that is shown."""
    from eval import runs

    if name != runs.LAST:
        return runs.find(settings, name)
    done = [folder for folder in runs.everything(settings) if runs.finished(folder) and folder != but]
    if not done:
        raise InputError("There is no finished run to compare with.", "Leave --compare out, or make one first.")
    return done[-1]


def _outside(texts: list[str]) -> dict[str, str]:
    wrong = [text for text in texts if not all(text.partition("=")[::2])]
    if wrong:
        raise SettingsError([f"command line: --outside {text} is not NAME=TARGET, as in mine=my_pipeline:chain." for text in wrong])
    return {name: target for name, _, target in (text.partition("=") for text in texts)}


def _language(asked: str) -> str:
    known = loaded().settings.ui.language
    language = asked or ("en" if known == "auto" else known)
    if language not in ("en", "ru"):
        raise SettingsError([f"command line: --lang {language} is neither en nor ru."])
    return language
