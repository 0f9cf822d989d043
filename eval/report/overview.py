"""The first sections: the two axes with the main metric, and every arm on every metric."""

from __future__ import annotations

from collections.abc import Sequence

from eval.corners import Corner
from eval.report.blocks import Block, Cell, Section, Table, Terms, capital, head, label
from eval.report.svg import swatch
from eval.report.view import View, lower_better, place, slug
from eval.statistics.estimates import AURC

RETRIEVAL = ("hit@", "recall@", "mrr@", "ndcg@", "answer_in_context")
"""How metrics of retrieval begin; they have a table of their own."""
NO_BREAK = "\u00a0"
ELSEWHERE = ("first_token", "total", "prompt_tokens", "answer_tokens", AURC)
"""They stand with latency, and with the risk-coverage curves."""


def axes(view: View) -> Section:
    """Base weights and adapters down, without and with retrieval across."""
    words = view.words
    found: dict[str, dict[bool, str]] = {}
    for arm in view.arms:
        where = place(arm)
        if where is not None:
            adapted, retrieves, adapter = where
            row = (f"{words('with_adapter')} {adapter}".strip()) if adapted else words("base_weights")
            if retrieves not in found.setdefault(row, {}) or arm == "icl":  # zero-shot stands there when there is no few-shot arm
                found[row][retrieves] = arm
    if not found:
        return Section("axes", words("axes_title"), words("axes_none"))
    order = sorted(found, key=lambda row: row != words("base_weights"))
    rows = tuple((label(row), *(_place(view, found[row].get(retrieves)) for retrieves in (False, True))) for row in order)
    columns = (label(""), Cell(words("no_retrieval")), Cell(words("retrieval")))
    table = Table(words("axes_caption", metric=view.called(view.metric)), columns, rows)
    return Section("axes", words("axes_title"), words("axes_lead", metric=view.called(view.metric)), (table,))


def _place(view: View, arm: str | None) -> Cell:
    estimate = None if arm is None else view.estimate(arm, view.metric)
    if arm is None or estimate is None:
        return Cell("–", view.words("not_measured") if arm is None else arm)
    bounds = view.numbers.interval(view.metric, estimate).replace(" ", NO_BREAK)
    written = f"{view.numbers.value(view.metric, estimate.mean)} {bounds}"
    return Cell(written, f"{arm} · n = {estimate.n}", strong=True)


def arms(view: View) -> Section:
    """Rows are metrics, columns arms: both lists may be long, and a metric is compared along its row."""
    words = view.words
    metrics = [metric for metric in view.metrics if not is_retrieval(metric) and metric not in ELSEWHERE]
    asked = tuple(Cell(view.numbers.count(view.answered[arm] + view.failed[arm])) for arm in view.arms)
    failed = tuple(Cell(view.numbers.count(view.failed[arm])) for arm in view.arms)
    rows = [(label(words("asked")), Cell(""), *asked), (label(words("failed")), Cell(""), *failed)]
    rows += [(named(view, metric), *row(view, metric, view.arms)) for metric in metrics]
    columns = (label(words("metric")), Cell("n"), *(Cell(arm, marker=swatch(view.number(arm))) for arm in view.arms))
    blocks: list[Block] = [Table(words("arms_caption"), columns, tuple(rows)), *_arms_explained(view), *_explained(view, metrics)]
    return Section("arms", words("arms_title"), words("arms_lead"), tuple(blocks))


def row(view: View, metric: str, columns: Sequence[str]) -> list[Cell]:
    """How many cases (a range where the arms differ), then the estimate of each arm; a dash where it does not apply."""
    estimates = [view.estimate(arm, metric) for arm in columns]
    sizes = sorted({each.n for each in estimates if each is not None})
    cells = [Cell(view.numbers.count(sizes[0]) if len(sizes) == 1 else f"{sizes[0]}–{sizes[-1]}" if sizes else "–")]
    for each in estimates:
        if each is None:
            cells.append(Cell("–"))
        else:
            cells.append(Cell(view.numbers.value(metric, each.mean), view.numbers.interval(metric, each)))
    return cells


def retrieval(view: View) -> Section:
    """What was found, before any model answered. Arms with the same numbers share a row: the context is frozen."""
    words = view.words
    metrics = [metric for metric in view.metrics if is_retrieval(metric)]
    rows: dict[tuple[Cell, ...], list[str]] = {}
    for arm in view.arms:
        cells = tuple(row(view, metric, [arm])[1] for metric in metrics)
        if any(view.estimate(arm, metric) for metric in metrics):
            rows.setdefault(cells, []).append(arm)
    if not rows:
        return Section("retrieval", words("retrieval_title"), words("retrieval_none"))
    table = Table(
        words("retrieval_caption"),
        head(words("arm"), *map(view.called, metrics)),
        tuple((label(", ".join(names)), *cells) for cells, names in rows.items()),
    )
    return Section("retrieval", words("retrieval_title"), words("retrieval_lead"), (table, *_explained(view, metrics)))


def breakdown(view: View) -> Section:
    """The main metric by tag, language and kind of question; no test is made there."""
    words = view.words
    tables = []
    for dimension in dict.fromkeys(dimension for dimension, *_ in view.run.breakdown):
        found = {(value, arm): estimate for name, value, arm, estimate in view.run.breakdown if name == dimension}
        columns = [arm for arm in view.arms if any(arm == other for _, other in found)]
        rows = []
        for value in dict.fromkeys(value for value, _ in found):
            cells = []
            sizes = sorted({found[value, arm].n for arm in columns if (value, arm) in found})
            for arm in columns:
                each = found.get((value, arm))
                cells.append(
                    Cell("–")
                    if each is None
                    else Cell(view.numbers.value(view.metric, each.mean), view.numbers.interval(view.metric, each))
                )
            size = "–".join(dict.fromkeys((str(sizes[0]), str(sizes[-1]))))
            rows.append((label(words("none") if value in ("", "-") else value), Cell(size), *cells))
        caption = words("breakdown_caption", dimension=view.dimension(dimension), metric=view.called(view.metric))
        tables.append(Table(caption, head(capital(view.dimension(dimension)), "n", *columns), tuple(rows)))
    return Section("breakdown", words("breakdown_title"), words("breakdown_lead" if tables else "breakdown_none"), tuple(tables))


def named(view: View, metric: str) -> Cell:
    """The heading of a metric's row; which way is better is said only where it is not up."""
    return label(view.called(metric), note=view.words("lower_better") if lower_better(metric) else "")


def is_retrieval(metric: str) -> bool:
    """Whether a metric judges what was found, not what was said."""
    return metric.lower().startswith(RETRIEVAL)


def _explained(view: View, metrics: Sequence[str]) -> tuple[Block, ...]:
    """What the metrics mean, for those that words.toml knows, with the names that they have in the files; hit@1 and hit@3 are one."""
    rows: dict[str, str] = {}
    for metric in metrics:
        name, at, _ = metric.partition("@")
        called = f"{name}@k" if at else view.called(metric)
        if meaning := view.words.get(f"metric_{slug(name)}", ""):
            rows[called if at or called == metric else f"{called} ({metric})"] = meaning
    return (Terms(view.words("metrics_meaning"), tuple(rows.items())),) if rows else ()


def _arms_explained(view: View) -> tuple[Block, ...]:
    """What the arms are; adapters and copies of one kind are one."""
    kinds = dict.fromkeys(Corner.of(arm).kind for arm in view.arms if not Corner.of(arm).outside)
    rows = tuple((kind, view.words(f"arm_{slug(kind)}")) for kind in kinds)
    return (Terms(view.words("arms_meaning"), rows),) if rows else ()
