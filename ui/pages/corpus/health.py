"""The health of the index as HTML: what was skipped and why, copies, languages, and the sizes of documents and chunks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ui.pages.corpus.markup import line, safe, section, table
from ui.pages.corpus.plots import histogram

if TYPE_CHECKING:
    from rag.index.report import BuildReport
    from rag.ingest.duplicates import Duplicate
    from rag.ingest.files import Problem
    from ui.pages.corpus.reading import Opened
    from ui.pages.corpus.text import Words

MOST = 200
"""Rows shown of a long list."""


def health(opened: Opened, report: BuildReport | None, words: Words) -> str:
    facts = _facts(opened, report, words) if report else f'<p class="soft">{safe(words.no_report)}</p>'
    skipped = [_problems(report.problems, words), _copies(report.duplicates, words)] if report else []
    sizes = histogram([each.characters for each in opened.listed], "document-sizes", words.document_sizes, words)
    cut = histogram(opened.lengths, "chunk-sizes", words.chunk_sizes, words)
    plots = section(words.chunk_sizes, cut) + section(words.document_sizes, sizes)
    return facts + "".join(skipped) + f'<div class="plots">{_languages(opened, words)}{plots}</div>'


def _facts(opened: Opened, report: BuildReport, words: Words) -> str:
    values = {
        "documents": len(opened.listed), "chunks": len(opened.index), "embedded": report.embedded, "reused": report.reused,
        "ignored": report.ignored, "truncated": report.truncated,
    }  # fmt: skip
    rows = [(words.facts[name], words.number(value)) for name, value in values.items()]
    rows.append((words.facts["seconds"], words.number(sum(report.seconds.values()), 1)))
    notes = "".join(f'<p class="soft">{line(words.reason_of(each), 300)}</p>' for each in report.notes)
    return f'<dl class="facts-row">{"".join(f"<div><dt>{safe(name)}</dt><dd>{value}</dd></div>" for name, value in rows)}</dl>{notes}'


def kind_of(problem: Problem) -> str:
    """empty, huge, row (one bad row of a file) or unreadable."""
    if problem.what.startswith(("empty", "no text", "no document")):
        return "empty"
    return "huge" if problem.what.startswith("too large") else "row" if problem.what.startswith("line ") else "unreadable"


def _problems(problems: Sequence[Problem], words: Words) -> str:
    if not problems:
        return section(words.problems, f'<p class="good">✓ {safe(words.no_problems)}</p>')
    counts = Counter(map(kind_of, problems))
    told = " · ".join(f"{safe(words.kinds[kind])}: {words.number(counts[kind])}" for kind in words.kinds if counts[kind])
    rows = [[line(each.path), safe(words.kinds[kind_of(each)]), line(words.reason_of(each.what), 300)] for each in problems[:MOST]]
    shown = table(words.problems, [words.file, words.columns["media"], words.reason], rows)
    return section(f"{words.problems}: {words.number(len(problems))}", f'<p class="soft">{told}</p>', shown, _more(len(problems), words))


def _copies(copies: Sequence[Duplicate], words: Words) -> str:
    if not copies:
        return section(words.copies, f'<p class="good">✓ {safe(words.no_copies)}</p>')
    rows = [
        [line(each.path), line(each.of), safe(words.exact if each.overlap >= 1 else f"{words.number(100 * each.overlap)} %")]
        for each in copies[:MOST]
    ]
    shown = table(words.copies, [words.file, words.copy_of, words.overlap], rows)
    return section(f"{words.copies}: {words.number(len(copies))}", shown, _more(len(copies), words))


def _more(count: int, words: Words) -> str:
    return f'<p class="soft">{safe(words.more_rows.format(words.number(count - MOST)))}</p>' if count > MOST else ""


def _languages(opened: Opened, words: Words) -> str:
    """Bars that are a table: name, bar, count."""
    counts = Counter(each.language for each in opened.listed).most_common()
    most = counts[0][1] if counts else 1
    rows = [
        [safe(words.language(code)), f'<span class="bar" style="width:{max(1, round(100 * count / most))}%"></span>{words.number(count)}']
        for code, count in counts[:20]
    ]
    return section(words.languages, table(words.languages, [words.columns["language"], words.documents], rows, kind="bars"))
