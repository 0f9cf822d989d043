"""A run that was chosen: its verdict, its variants with their intervals, and the ways to its report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ui.pages.adapters.markup import Html, code, facts, paragraph, safe, section, spoken, table, when
from ui.plain import one_line

if TYPE_CHECKING:
    from eval.report.view import View
    from ui.pages.evaluate.earlier import Row
    from ui.pages.evaluate.text import Words

COLUMNS = ("f1", "em", "refusal_right", "answer_in_context", "total")


def unfinished(row: Row, words: Words) -> str:
    head = f"<header><h3>{safe(row.created or row.run)}</h3></header>"
    told = f"{words.gone_on} {words.answers.format(n=row.answers)}"
    return spoken(words.code, f'<article class="sheet">{head}{paragraph(told)}</article>')


def chosen(view: View, words: Words) -> str:
    """The whole panel of a finished run."""
    from eval.verdict import verdict

    run = view.run
    said = verdict(run, language=words.code)
    notes = "".join(f"<li>{safe(note)}</li>" for note in said.notes)
    listed = f'<ul class="notes">{notes}</ul>' if notes else ""
    parts = [f'<h3 class="verdict">{safe(said.headline)}</h3>', listed, _facts(run.manifest, len(run.cases), words), _arms(view, words)]
    return spoken(words.code, f'<article class="sheet run">{"".join(parts)}</article>', _report(run.name, words))


def _facts(manifest: Mapping[str, Any], questions: int, words: Words) -> str:
    determines = manifest.get("determines")
    model = determines.get("model") if isinstance(determines, Mapping) else None
    qa = manifest.get("qa")
    files = ", ".join(str(path).replace("\\", "/").rsplit("/", 1)[-1] for path in qa) if isinstance(qa, Mapping) else ""
    seconds = manifest.get("seconds")
    took = seconds.get("answering", 0.0) if isinstance(seconds, Mapping) else 0.0
    return facts(
        [
            (words.facts_made, when(manifest.get("created"))),
            (words.facts_name, one_line(str(manifest.get("name") or ""), 80)),
            (words.facts_questions, str(questions)),
            (words.facts_files, files),
            (words.facts_model, code(model.get("name", "")) if isinstance(model, Mapping) else ""),
            (words.facts_took, _duration(took, words)),
        ]
    )


def _duration(seconds: float, words: Words) -> str:
    if seconds < 90:
        return words.short.format(words.number(seconds, 0 if seconds >= 10 else 1)) if seconds else ""
    return words.minutes.format(words.number(seconds / 60))


def _arms(view: View, words: Words) -> str:
    """What the terminal shows, too: the main metrics with their intervals, how much was answered and how much failed."""
    metrics = [metric for metric in COLUMNS if any(metric in found for found in view.run.estimates.values())]
    head = (words.arm, *(words.columns[metric] for metric in metrics), words.answered, words.failed)
    rows = (
        (code(arm), *(_cell(view, arm, metric, words) for metric in metrics), str(view.answered[arm]), str(view.failed[arm]))
        for arm in view.arms
    )
    return section(words.table, table(words.table, head, rows))


def _cell(view: View, arm: str, metric: str, words: Words) -> Html:
    found = view.estimate(arm, metric)
    if found is None:
        return Html(words.not_measured)
    return Html(f"{safe(view.numbers.value(metric, found.mean))} <small>{safe(view.numbers.interval(metric, found))}</small>")


def _report(run: str, words: Words) -> str:
    """The report in a frame of this page that may run nothing, or in a tab of its own; and the numbers behind it."""
    address = f"atlas/report/{quote(run, safe='')}"
    shown = f"{address}?lang={words.code}"
    links = [
        f'<a href="{shown}" target="_blank" rel="noopener">{safe(words.report_tab)}</a>',
        f'<a href="{address}?file=json" download>{safe(words.report_json)}</a>',
        f'<a href="{address}?file=csv" download>{safe(words.report_csv)}</a>',
    ]
    title = safe(words.report_title.format(name=run))
    frame = f'<iframe src="{shown}" title="{title}" sandbox loading="lazy" referrerpolicy="no-referrer"></iframe>'
    return (
        f'<nav class="ways" aria-label="{title}">{"".join(links)}</nav>'
        f'<details class="report" id="report-here"><summary>{safe(words.report_here)}</summary>{frame}</details>'
    )
