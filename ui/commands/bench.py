"""`atlas bench`: measure retrieval, answers, indexing and serving on your own QA pairs, with intervals."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ui.console import err, out, progress
from ui.session import loaded

if TYPE_CHECKING:
    from eval.bench.sets import QaSet

app = typer.Typer(no_args_is_help=True, help="Measure retrieval, answers, indexing and serving.")

Sets = Annotated[list[Path], typer.Argument(help="Folders with corpus/ and qa.jsonl; with --qa, folders of documents.", metavar="DIR...")]
Qa = Annotated[list[Path] | None, typer.Option("--qa", help="QA pairs (JSONL) instead of DIR/qa.jsonl; repeatable.")]
Limit = Annotated[int, typer.Option(help="Answerable questions to ask, spread over the set; 0 = all.", min=0)]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line on standard output, one line a set.")]

NOT_PRINTED = frozenset({"scored", "asked"})
"""Fields with one entry for every question."""


@app.command()
def retrieval(folders: Sets, *, qa: Qa = None, limit: Limit = 0, as_json: Json = False) -> None:
    """How often each half of retrieval, and both, find the answer.

    hit@k, MRR@10 and nDCG@10 against `docs`, each with its 95 % interval (bootstrap over documents), and paired differences.
    """
    from eval.bench.retrieval import bench_retrieval
    from ui.benchmarks import print_lines

    for qa_set in _open(folders, qa):
        with progress() as show:
            report = bench_retrieval(qa_set, loaded().settings, limit=limit, progress=show)
        if as_json:
            _print_json(report)
            continue
        size = f"{report.chunks:,} chunks of {report.documents:,} documents"
        out.print(f"\n{report.name}: {report.questions:,} questions about {report.clusters:,} documents; {size}", markup=False)
        print_lines(report.systems, report.differences)
        out.print(f"one search: {report.milliseconds:.0f} ms (median, one at a time)", markup=False)
        if report.twins:
            err.print(f"note: {len(report.twins)} files are copies of indexed ones; a copy counts as its original", markup=False)
        if report.missing:
            err.print(f"note: {len(report.missing)} gold files could not be indexed: {', '.join(report.missing[:3])}", markup=False)


@app.command()
def pipelines(folders: Sets, *, qa: Qa = None, limit: Limit = 0, as_json: Json = False) -> None:
    """Retrieval against LlamaIndex and LangChain as they come. All have the same embedder.

    Each once as its own embedding class uses the model, and once with the prefixes that the model was trained with.
    """
    from eval.bench.pipelines import bench_pipelines
    from ui.benchmarks import print_lines

    for qa_set in _open(folders, qa):
        with progress() as show:
            report = bench_pipelines(qa_set, loaded().settings, limit=limit, progress=show)
        if as_json:
            _print_json(report)
            continue
        out.print(f"\n{report.name}: {report.questions:,} questions about {report.clusters:,} documents", markup=False)
        print_lines(report.systems, report.differences)


@app.command()
def answers(
    folders: Sets,
    *,
    qa: Qa = None,
    limit: Limit = 100,
    unanswerable: Annotated[int, typer.Option(help="Also ask so many questions that the corpus cannot answer.", min=0)] = 0,
    arms: Annotated[str, typer.Option(help="Arms to compare, separated by commas.")] = "rag",
    show_answers: Annotated[bool, typer.Option("--show", help="Print every question, its accepted answer and what was said.")] = False,
    as_json: Json = False,
) -> None:
    """How good answers are when short ones are asked for. F1, exact match, citations, language, refusals, speed."""
    from eval.bench.answers import bench_answers
    from ui.benchmarks import print_answers, print_asked

    for qa_set in _open(folders, qa):
        with progress() as show:
            chosen = [arm.strip() for arm in arms.split(",") if arm.strip()]
            report = bench_answers(qa_set, loaded().settings, arms=chosen, limit=limit, unanswerable=unanswerable, progress=show)
        if as_json:
            _print_json(report)
            continue
        for arm in report.arms:
            if show_answers:
                print_asked(arm)
            print_answers(report.name, arm)


@app.command()
def index(
    folder: Annotated[Path | None, typer.Argument(help="Folder of documents; default: corpus of the settings.")] = None,
    *,
    vectors: Annotated[int, typer.Option(help="Synthetic vectors to search among; 0 = leave this part out.", min=0)] = 1_000_000,
    as_json: Json = False,
) -> None:
    """How fast an index is built, rebuilt and searched. Chunks a second of a whole build against the bare embedder, a rebuild after
    changing 1 %, and a search over many vectors."""
    from eval.bench.index import index_bench
    from ui.benchmarks import print_index

    settings = loaded().settings
    with progress() as show:
        report = index_bench(settings, folder or settings.corpus, vectors=vectors, progress=show)
    _print_json(report) if as_json else print_index(report)


@app.command()
def serve(
    *,
    qa: Annotated[list[Path] | None, typer.Option("--qa", help="QA pairs to ask; default: the setting `qa`. Repeatable.")] = None,
    questions: Annotated[int, typer.Option(help="Questions, spread over the pairs.", min=2)] = 16,
    rounds: Annotated[int, typer.Option(help="Times that every path is measured.", min=1)] = 3,
    in_flight: Annotated[int, typer.Option(help="Questions asked at once.", min=1)] = 16,
    as_json: Json = False,
) -> None:
    """What Atlas adds to the bare model server. Time to first token, and throughput with many questions at once."""
    import asyncio

    from eval.bench.serve import bench_serve
    from eval.bench.sets import spread
    from rag.qa import read_pairs
    from ui.benchmarks import print_serve

    settings = loaded().settings
    asked = [pair.question for pair in spread(read_pairs(qa or [Path(file) for file in settings.qa]), questions)]
    with progress() as show:
        report = asyncio.run(bench_serve(settings, asked, rounds=rounds, in_flight=in_flight, progress=show))
    _print_json(report) if as_json else print_serve(report)


@app.command()
def training(
    *,
    qa: Annotated[list[Path] | None, typer.Option("--qa", help="QA pairs to learn from; default: train.qa. Repeatable.")] = None,
    examples: Annotated[int, typer.Option(help="Examples that both sides learn from.", min=8)] = 48,
    batch: Annotated[int, typer.Option(help="Examples in a step.", min=1)] = 4,
    as_json: Json = False,
) -> None:
    """How fast LoRA trains here against TRL's SFTTrainer. Its defaults, the same examples, loss on held-back ones."""
    from adapters.data.build import prepare
    from adapters.data.tokens import encode_all
    from adapters.train.against import against_trl
    from adapters.train.material import in_tokens
    from rag.assistant import open_assistant
    from rag.models.folder import resolve
    from rag.qa import read_pairs

    settings = loaded().settings
    settings = settings.model_copy(update={"train": settings.train.model_copy(update={"examples": examples})})
    pairs = read_pairs([Path(file) for file in qa or settings.train.qa])
    with progress() as show:
        from transformers import AutoTokenizer

        assistant = open_assistant(settings)
        prepared = prepare(settings, pairs, assistant, progress=show)
        base = resolve(settings.generate.model, settings)
        tokenizer = AutoTokenizer.from_pretrained(base.path)
        encoded = encode_all(prepared.train, tokenizer, longest=settings.serve.max_model_len).encoded
        held = in_tokens(settings, prepared, assistant, tokenizer, share=False, progress=show).held
        found = against_trl(base, encoded, held, batch=batch, threads=settings.cpu_threads, progress=show)
    if as_json:
        _print_json(found)
        return
    for side in (found.ours, found.trl):
        said = f"{side.examples / side.seconds:.2f} examples/s ({side.tokens / side.seconds:.0f} tokens/s) over {side.steps} steps"
        out.print(f"{side.name}: {said}, held-back loss {found.before:.3f} before, {side.loss:.3f} after", markup=False)
    out.print(f"{found.ratio:.2f} times as fast, on {base.name}, {len(encoded)} examples, {len(held)} held back", markup=False)


def _open(folders: list[Path], qa: list[Path] | None) -> list[QaSet]:
    """All sets, read and checked before the first is measured."""
    from eval.bench.sets import open_set

    return [open_set(folder, qa=qa or ()) for folder in folders]


def _print_json(report: Any) -> None:
    out.print(json.dumps(plain(report), ensure_ascii=False), markup=False, soft_wrap=True)


def plain(value: Any) -> Any:
    """A report as JSON, without what it holds for every single question."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value) if field.name not in NOT_PRINTED}
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return str(value) if isinstance(value, Path) else value
