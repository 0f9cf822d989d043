"""Turns and answers as HTML. What a model wrote is Markdown without HTML, images or links; only our own citation links are links."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from html import escape
from typing import TYPE_CHECKING

from rag.types import Citation
from ui.chat.session import Pane, Turn
from ui.chat.sources import card_id, cards
from ui.chat.status import Doing
from ui.chat.text import Text
from ui.plain import one_line, plain

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

LINKS_AND_HTML = ["link", "image", "autolink", "html_inline", "html_block", "reference", "entity"]
MARKER = re.compile(r"\[(\d{1,2}(?:\s*[,;]\s*\d{1,2})*)\]")


@cache
def _markdown() -> MarkdownIt:
    """CommonMark and tables, minus everything that could point somewhere; `[1]` in its text becomes a link to card 1."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable("table").disable(LINKS_AND_HTML)
    parser.add_render_rule("text", lambda self, tokens, index, options, env: _linked(tokens[index].content, env))
    return parser


def _linked(words: str, env: dict[str, object]) -> str:
    """Escaped text with its markers linked; a marker without a source stays as it is."""
    known: dict[int, str] = env["cards"]  # type: ignore[assignment]

    def link(found: re.Match[str]) -> str:
        numbers = [int(number) for number in re.findall(r"\d+", found[1])]
        if not all(number in known for number in numbers):
            return found[0]
        return "".join(_citation(number, known[number], "model") for number in numbers)

    return MARKER.sub(link, escape(words))


def _citation(number: int, card: str, by: str, title: str = "") -> str:
    why = f' title="{escape(title)}"' if title else ""
    return f'<a class="cite {by}" href="#{escape(card)}" data-card="{escape(card)}"{why}>[{number}]</a>'


def answer(words: str, known: dict[int, str]) -> str:
    """Safe HTML of what a model wrote. `known`: source number -> id of its card."""
    return str(_markdown().render(plain(words), {"cards": known}))


def turn(asked: Turn, number: int, text: Text) -> str:
    """A question with its panes side by side."""
    panes = "".join(pane(each, f"t{number}-p{index}", text, asked.waits) for index, each in enumerate(asked.panes))
    return (
        f'<section class="turn" id="t{number}" lang="{text.code}"><h2 class="question"><span class="unseen">{text.you_asked}: </span>'
        f'{escape(plain(asked.question)).replace(chr(10), "<br>")}</h2><div class="panes of{len(asked.panes)}">{panes}</div></section>'
    )


def pane(shown: Pane, prefix: str, text: Text, waits: Doing | None = None) -> str:
    """One arm: its name, its answer, what it cost, its sources."""
    name, what = text.arm(shown.arm)
    busy = "true" if shown.busy else "false"
    copy = f'<button type="button" class="copy" data-done="{text.copied}">{text.copy}</button>' if shown.text and not shown.busy else ""
    context = shown.context
    sources = cards(context, shown.sources, _citations(shown), text=text, prefix=prefix) if context is not None else ""
    return (
        f'<article class="pane {shown.state}" aria-busy="{busy}" aria-label="{escape(name)}">'
        f"<header><h3>{escape(name)} <small>{escape(what)}</small></h3>{copy}</header>"
        f'<div class="answer" aria-live="polite">{_said(shown, prefix, text, waits)}</div>{_facts(shown, text)}{sources}</article>'
    )


def _citations(shown: Pane) -> Sequence[Citation]:
    return shown.answer.citations if shown.answer else ()


def _said(shown: Pane, prefix: str, text: Text, waits: Doing | None) -> str:
    known = {source.number: card_id(prefix, source.number) for source in shown.context.sources} if shown.context else {}
    words = answer(shown.text, known) if shown.text.strip() else ""
    if shown.state == "failed":
        problem = shown.problem
        what = escape(plain(f"{problem.what}\n{problem.do}".strip() if problem else text.defect)).replace("\n", "<br>")
        return words + _note("failed", "!", text.failed, what)
    if shown.state in ("waiting", "searching") or (shown.busy and not words):
        doing = {"waiting": text.doing(waits) if waits else text.writing, "searching": text.searching}.get(shown.state, text.writing)
        more = f"<br>{text.waiting}" if waits and shown.state == "waiting" else ""
        return f'<p class="doing"><span class="dots" aria-hidden="true"></span><span>{escape(plain(doing))}{more}</span></p>'
    if shown.state == "stopped":
        return words + _note("stopped", "■", text.stopped)
    if shown.state == "writing":
        return words
    return _finished(shown, words, known, text)


def _finished(shown: Pane, words: str, known: dict[int, str], text: Text) -> str:
    said = shown.answer
    if said is None or not words:
        return _note("stopped", "∅", text.empty)
    if said.abstained:
        return _note("refused", "∅", text.abstained, text.abstained_why) + words
    if said.refused:
        return _note("refused", "?", text.refused) + words
    written = {each.number for each in said.citations if each.by == "model"}
    matched = sorted({each.number for each in said.citations if each.by == "match"} - written)
    links = "".join(_citation(number, known[number], "match", text.matched_why) for number in matched if number in known)
    words += f'<p class="matches">{text.matched}: {links}</p>' if links else ""
    return words + (_note("stopped", "…", text.cut) if said.finish == "length" else "")


def _note(kind: str, icon: str, title: str, body: str = "") -> str:
    """`body` is HTML already."""
    more = f"<span>{body}</span>" if body else ""
    sign = f'<span class="icon" aria-hidden="true">{icon}</span>'
    return f'<div class="note {kind}" role="status">{sign}<div><strong>{escape(title)}</strong>{more}</div></div>'


def _facts(shown: Pane, text: Text) -> str:
    """Times, tokens and the weights that answered."""
    said = shown.answer
    if said is None:
        return ""
    tokens, decoding = said.provenance.answer_tokens, shown.total - shown.first_token
    speed = text.per_second.format(text.number(tokens / decoding)) if tokens > 1 and shown.first_token and decoding > 0.02 else ""
    facts = [
        (text.first_token, text.seconds.format(text.number(shown.first_token, 2)) if shown.first_token else ""),
        (text.speed, speed),
        (text.tokens, str(tokens) if tokens else ""),
        (text.total, text.seconds.format(text.number(shown.total, 1))),
    ]
    listed = "".join(f"<span>{name} <b>{value}</b></span>" for name, value in facts if value)
    return f'<div class="facts">{listed}{_provenance(shown, text)}</div>'


def _provenance(shown: Pane, text: Text) -> str:
    if shown.answer is None:
        return ""
    made, context = shown.answer.provenance, shown.context
    rows = [
        (text.model, made.model),
        (text.adapter, f"{made.adapter} ({(made.adapter_sha256 or '')[:12]})" if made.adapter else text.no_adapter),
        (text.prompt_tokens, str(made.prompt_tokens)),
    ]
    if context is not None:
        rows += [
            (text.searched_for, context.query),
            (text.search_time, text.seconds.format(text.number(context.seconds, 2))),
            (text.index_version, context.index_version),
        ]
    listed = "".join(f"<dt>{name}</dt><dd>{escape(one_line(value, 200))}</dd>" for name, value in rows if value)
    summary = f'{escape(one_line(made.model, 48))}<span class="unseen">: {text.details}</span>'
    return f'<details class="made"><summary>{summary}</summary><dl>{listed}</dl></details>'
