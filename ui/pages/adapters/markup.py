"""Pieces of HTML that the pages of adapters and evaluations are made of; every text goes through `safe` exactly once, here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from typing import Any

from ui.chat.text import Language
from ui.plain import plain

QUIET: dict[str, Any] = {"apply_default_css": False, "js_on_load": None}
"""For gr.HTML: nothing of Gradio's own style, nothing that runs."""


def safe(value: object) -> str:
    """Text of anybody's, fit to stand in HTML or in an attribute in double quotes."""
    return escape(plain(str(value)))


class Html(str):
    """Is HTML already, made of escaped parts: cells that are `Html` are not escaped again."""

    __slots__ = ()


def cell(value: object) -> str:
    return value if isinstance(value, Html) else safe(value)


def code(value: object) -> Html:
    return Html(f"<code>{safe(value)}</code>")


def badge(kind: str, icon: str, words: str) -> Html:
    """An icon with words; `kind` is good, bad, warn or plain."""
    return Html(f'<span class="tag {kind}"><span aria-hidden="true">{icon}</span> {safe(words)}</span>')


def facts(rows: Iterable[tuple[object, object]]) -> Html:
    """A list of names and values; empty values are left out."""
    listed = "".join(f"<div><dt>{cell(name)}</dt><dd>{cell(value)}</dd></div>" for name, value in rows if str(value))
    return Html(f'<dl class="facts-list">{listed}</dl>') if listed else Html("")


def table(caption: str, head: Sequence[object], rows: Iterable[Sequence[object]]) -> Html:
    """The first column names the row. It scrolls by itself where it is too wide."""
    top = "".join(f'<th scope="col">{cell(each)}</th>' for each in head)
    body = "".join(
        f'<tr><th scope="row">{cell(row[0])}</th>' + "".join(f"<td>{cell(each)}</td>" for each in row[1:]) + "</tr>" for row in rows
    )
    return Html(
        f'<div class="scroll" tabindex="0" role="region" aria-label="{safe(caption)}"><table><caption>{safe(caption)}</caption>'
        f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def values(title: str, rows: Iterable[tuple[object, object]]) -> Html:
    """Many short values in columns, under their title."""
    listed = "".join(f"<div><dt>{cell(name)}</dt><dd>{cell(value)}</dd></div>" for name, value in rows)
    return Html(f'<h5>{safe(title)}</h5><dl class="values">{listed}</dl>')


def when(created: object) -> str:
    """A time as this machine's clock shows it, to the minute; what is no time stays as it is."""
    try:
        return datetime.fromisoformat(str(created)).astimezone().strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return str(created or "")


def section(title: str, *parts: str) -> Html:
    inside = "".join(part for part in parts if part)
    return Html(f"<section><h4>{safe(title)}</h4>{inside}</section>") if inside else Html("")


def paragraph(words: str, kind: str = "soft") -> Html:
    return Html(f'<p class="{kind}">{safe(words)}</p>') if words else Html("")


def notice(kind: str, icon: str, words: str, language: Language) -> Html:
    """A line that is read out when it appears. Empty words: nothing."""
    if not words:
        return Html("")
    lines = safe(words.strip()).replace("\n", "<br>")
    return Html(f'<p class="notice {kind}" role="status" lang="{language}"><span aria-hidden="true">{icon}</span> <span>{lines}</span></p>')


def problem(words: str, language: Language) -> Html:
    return notice("bad", "!", words, language)


def done(words: str, language: Language) -> Html:
    return notice("good", "✓", words, language)


def spoken(language: Language, *parts: str) -> str:
    """The whole of a region, with its language."""
    inside = "".join(parts)
    return f'<div lang="{language}">{inside}</div>' if inside else ""
