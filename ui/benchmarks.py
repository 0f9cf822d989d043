"""Benchmark reports as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from ui.console import err, out

if TYPE_CHECKING:
    from eval.bench.answers import ArmReport
    from eval.bench.index import IndexBench
    from eval.bench.scoring import Line
    from eval.bench.serve import ServeReport
    from eval.intervals import Interval


def print_lines(systems: Sequence[Line], differences: Sequence[Line]) -> None:
    """One row a system, then one row a difference; in percent, 95 % interval in brackets, bold where a difference excludes 0."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("in %", no_wrap=True)
    for metric in systems[0].metrics:
        table.add_column(metric, justify="right", no_wrap=True)
    for line in systems:
        table.add_row(line.system, *(percent(interval) for interval in line.metrics.values()))
    table.add_section()
    for line in differences:
        table.add_row(line.system, *(difference(interval) for interval in line.metrics.values()))
    out.print(table)


def percent(interval: Interval) -> str:
    return f"{100 * interval.mean:.1f} [{100 * interval.low:.1f} {100 * interval.high:.1f}]"


def difference(interval: Interval) -> Text:
    """With its sign; bold when it is clearly not zero."""
    words = f"{100 * interval.mean:+.1f} [{100 * interval.low:+.1f} {100 * interval.high:+.1f}]"
    return Text(words, style="bold" if interval.excludes_zero else "")


def print_answers(name: str, arm: ArmReport) -> None:
    """The metrics of one arm, by kind and language, and its speed."""
    answered = arm.questions - len(arm.failures)
    out.print(f"\n{name}, arm {arm.arm}, model {arm.model}: {answered} of {arm.questions} questions answered", markup=False)
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    for metric, interval in arm.metrics.items():
        table.add_row(metric, f"{percent(interval)} %")
    for group in arm.groups:
        table.add_row(f"  {group.name} ({group.questions})", f"F1 {100 * group.f1:.1f}, exact {100 * group.exact:.1f} %")
    table.add_row("first token, whole answer", f"{arm.first_token:.2f} s, {arm.whole:.2f} s (medians, many at once)")
    table.add_row("all questions", f"{arm.seconds:.1f} s, {arm.questions_per_second:.2f} questions/s")
    out.print(table)
    for failure in list(dict.fromkeys(arm.failures))[:3]:
        err.print(f"failed ({arm.failures.count(failure)} times): {failure}", markup=False)


def print_asked(arm: ArmReport) -> None:
    """Every question with an accepted answer and what was said."""
    for asked in arm.asked:
        accepted = asked.pair.answers[0] if asked.pair.answers else "(the corpus does not say)"
        said = asked.failure or (asked.answer.text if asked.answer else "")
        out.print(f"Q {asked.pair.question}\n= {accepted}\n> {said}", markup=False)


def print_index(report: IndexBench) -> None:
    """Three paragraphs: the build, the rebuild, the search."""
    whole, again, search = report.throughput, report.rebuild, report.search
    out.print(f"{report.corpus}: {whole.chunks:,} chunks", markup=False)
    rates = (
        f"{whole.chunks / whole.build_seconds:.1f} chunks/s, bare embedder {whole.chunks / whole.bare_seconds:.1f} ({whole.bare_setting})"
    )
    out.print(f"whole build   {whole.build_seconds:.1f} s, {rates}: {whole.ratio:.2f} of its speed", markup=False)
    noise = f"by the processor's seconds {whole.cpu_ratio:.2f}; two runs of the bare embedder differ by {whole.bare_spread:.0%}"
    out.print(f"              {noise}", markup=False)
    out.print(f"              {_stages(whole.stages)}", markup=False)
    changed = f"{again.changed} of {again.documents} documents changed, {again.embedded} chunks embedded"
    out.print(f"rebuild       {again.seconds:.2f} s, {again.share:.1%} of the whole build ({changed})", markup=False)
    out.print(f"              {_stages(again.stages)}", markup=False)
    if search is not None:
        kind = ", ".join(f"{key} {value}" for key, value in search.kind.items())
        times = f"p50 {search.p50_ms:.2f} ms, p95 {search.p95_ms:.2f} ms, exact search {search.exact_p50_ms:.1f} ms"
        out.print(f"search        {search.vectors:,} vectors ({kind}): {times}; recall@10 {search.recall:.3f}", markup=False)
        size = f"{search.megabytes:,.0f} MB on disk, {search.peak_gb:.1f} GB of memory at most"
        out.print(f"              built in {search.build_seconds:.0f} s, {size}", markup=False)


def _stages(seconds: Mapping[str, float]) -> str:
    return ", ".join(f"{stage} {took:.1f} s" for stage, took in seconds.items())


def print_serve(report: ServeReport) -> None:
    """One row a path: time to first token, what it adds to the bare one, and questions a second."""
    sizes = f"{report.questions} questions of {report.prompt_tokens:.0f} prompt tokens"
    out.print(f"{report.model} at {report.url}: {sizes}, {report.in_flight} at once", markup=False)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("path", "first token", "added to bare", "questions/s", "of bare"):
        table.add_column(column, justify="left" if column == "path" else "right", no_wrap=True)
    for path in report.paths:
        more = path.added
        added = f"{1000 * more.mean:+.0f} [{1000 * more.low:+.0f} {1000 * more.high:+.0f}] ms" if more else ""
        rates = " ".join(f"{rate:.2f}" for rate in path.rates)
        table.add_row(
            path.path, f"{1000 * path.first_token:.0f} ms" if path.first_token is not None else "", added, rates, f"{path.share:.2f}"
        )
    out.print(table)
