"""Turns and answers as HTML. What a model wrote is Markdown without HTML, images or links; only our own citation links are links."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from html import escape
from typing import TYPE_CHECKING

from rag.types import Citation
from ui.chat.opinions import ballot, opinion
from ui.chat.sources import card_id, cards
from ui.chat.text import Text
from ui.chat.turn import LETTERS, Pane, Turn
from ui.messages.translation import in_words
from ui.plain import one_line, plain
from ui.votes.text import VOTES

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

LINKS_AND_HTML = ["link", "image", "autolink", "html_inline", "html_block", "reference", "entity"]
MARKER = re.compile(r"\[(\d{1,2}(?:\s*[,;]\s*\d{1,2})*)\]")
SPACED_MARKER = re.compile(r"[ \t]*" + MARKER.pattern)


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
    """A question with its panes side by side; unnamed while they wait for a vote."""
    each = unnamed if asked.hidden else _named
    panes = "".join(each(asked, number, index, text) for index in range(len(asked.panes)))
    return (
        f'<section class="turn" id="t{number}" lang="{text.code}"><h2 class="question"><span class="unseen">{text.you_asked}: </span>'
        f'{escape(plain(asked.question)).replace(chr(10), "<br>")}</h2><div class="panes of{len(asked.panes)}">{panes}</div>'
        f"{ballot(asked, number, text)}</section>"
    )


def _named(asked: Turn, number: int, index: int, text: Text) -> str:
    shown = asked.panes[index]
    letter = LETTERS[index] if asked.how.blind and index < len(LETTERS) else ""
    name = (f"{letter} · " if letter else "") + shown.variant.name(text)
    chosen = f' <span class="badge chosen">{VOTES[text.code].chosen}</span>' if letter and asked.vote == letter else ""
    judged = opinion(shown, number, index, text, name=name) if not asked.busy else ""
    return pane(shown, f"t{number}-p{index}", text, _wait(asked, text), name=name, badge=chosen, judged=judged)


def pane(shown: Pane, prefix: str, text: Text, wait: str = "", *, name: str = "", badge: str = "", judged: str = "") -> str:
    """One variant: its name, its answer, what it cost, its sources. `badge` and `judged` are HTML already."""
    name, what = name or shown.variant.name(text), text.arm(shown.arm)[1]
    context = shown.context
    sources = cards(context, shown.sources, _citations(shown), text=text, prefix=prefix) if context is not None else ""
    return (
        f'<article class="pane {shown.state}" aria-busy="{str(shown.busy).lower()}" aria-label="{escape(name)}">'
        f"<header><h3>{escape(name)}{badge} <small>{escape(what)}</small></h3>{_copy(shown, text)}</header>"
        f'<div class="answer" aria-live="polite">{_said(shown, prefix, text, wait)}</div>{_facts(shown, text)}{judged}{sources}</article>'
    )


def unnamed(asked: Turn, number: int, index: int, text: Text) -> str:
    """A pane before the vote: the words alone. Whatever tells arms apart is left out: sources, markers, times, kinds of refusal, and
    which one is quicker (words appear once every pane has some, and all of them finish together)."""
    shown = asked.panes[index]
    name = VOTES[text.code].answer.format(LETTERS[index])
    begun = all(pane.text or not pane.busy for pane in asked.panes)
    if asked.busy:
        said = answer(bare(shown.text), {}) if begun and shown.text.strip() and shown.state != "failed" else ""
        body = said or _doing(_wait(asked, text) or text.writing)
    else:
        body = _result(shown, text)
    judged = opinion(shown, number, index, text, name=name) if not asked.busy else ""
    return (
        f'<article class="pane unnamed" aria-busy="{str(asked.busy).lower()}" aria-label="{name}">'
        f"<header><h3>{LETTERS[index]}</h3>{'' if asked.busy else _copy(shown, text)}</header>"
        f'<div class="answer" aria-live="polite">{body}</div>{judged}</article>'
    )


def bare(words: str) -> str:
    """Without citation markers, also one that is not complete yet: they say that there were passages."""
    return re.sub(r"\s*\[[\d,; ]*$", "", SPACED_MARKER.sub("", words))


def _result(shown: Pane, text: Text) -> str:
    """A finished answer that does not say where it is from."""
    said = shown.answer
    if shown.state == "failed":
        return _note("failed", "!", text.failed)
    if said is not None and said.refused:
        return _note("refused", "?", text.refused)
    words = answer(bare(shown.text), {}) if shown.text.strip() else _note("stopped", "∅", text.empty)
    if shown.state == "stopped":
        return words + _note("stopped", "■", text.stopped)
    return words + (_note("stopped", "…", text.cut) if said is not None and said.finish == "length" else "")


def _copy(shown: Pane, text: Text) -> str:
    return f'<button type="button" class="copy" data-done="{text.copied}">{text.copy}</button>' if shown.text and not shown.busy else ""


def _wait(asked: Turn, text: Text) -> str:
    """HTML of what the question waits for, "" for nothing."""
    if asked.waits is not None:
        return f"{escape(plain(text.doing(asked.waits)))}<br>{text.waiting}"
    return text.in_line.format(asked.line.answered, asked.line.before) if asked.line is not None else ""


def _doing(words: str) -> str:
    """`words` is HTML already."""
    return f'<p class="doing"><span class="dots" aria-hidden="true"></span><span>{words}</span></p>'


def _citations(shown: Pane) -> Sequence[Citation]:
    return shown.answer.citations if shown.answer else ()


def _said(shown: Pane, prefix: str, text: Text, wait: str) -> str:
    known = {source.number: card_id(prefix, source.number) for source in shown.context.sources} if shown.context else {}
    words = answer(shown.text, known) if shown.text.strip() else ""
    if shown.state == "failed":
        problem = shown.problem
        what = escape(plain(in_words(problem, text.code, between="\n") if problem else text.defect)).replace("\n", "<br>")
        return words + _note("failed", "!", text.failed, what)
    if shown.state in ("waiting", "searching") or (shown.busy and not words):
        return _doing({"waiting": wait or text.writing, "searching": text.searching}.get(shown.state, text.writing))
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
