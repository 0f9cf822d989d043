"""Steps of a plan as HTML: the reasons, the cost, what was measured here, and the passages of the corpus it goes back to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from rag.errors import InputError
from ui.chat.panes import answer
from ui.pages.guide.measured import Measured
from ui.pages.guide.sources import source
from ui.pages.guide.text import Text
from ui.pages.guide.tree import PLACES, Advice
from ui.plain import one_line, plain

Measure = Callable[[Sequence[tuple[str, str]]], Measured | None]
"""What a run of this home says about one of these pairs of arms."""


def head(text: Text) -> str:
    return f'<section class="guide-head" lang="{text.code}"><h2>{escape(text.heading)}</h2><p>{escape(text.more)}</p></section>'


def found(line: str, text: Text) -> str:
    return f'<p class="guide-found" lang="{text.code}"><span aria-hidden="true">⌂</span> {escape(plain(line))}</p>'


def summary(plan: Sequence[Advice], text: Text) -> str:
    """Said aloud when an answer changes the plan."""
    counts = [sum(each.place == place for each in plan) for place in PLACES]
    said = escape(text.summary.format(*counts))
    return f'<section class="guide-plan" lang="{text.code}"><h2>{escape(text.plan)}</h2><p role="status">{said}</p></section>'


def step(advice: Advice, number: int, first: bool, text: Text, measure: Measure) -> str:
    """`number`: its place in the plan, from 1; `first`: whether it is the first of its part, which then gets its heading."""
    words = advice.step.said(text.code)
    heading = f'<h3 class="part">{escape(text.places[advice.place])}</h3>' if first else ""
    outside = f'<span class="badge outside">{escape(text.outside)}</span>' if advice.step.outside else ""
    return (
        f'{heading}<article class="step {advice.place}" id="step-{advice.step.key}" lang="{text.code}">'
        f'<header><span class="number" aria-hidden="true">{number}</span><h4>{escape(words.title)}</h4>{outside}</header>'
        f'<p class="what">{escape(words.what)}</p>{_why(advice, text)}{_measured(advice, text, measure)}'
        f"{_cost(advice, text)}{sources(advice, text)}</article>"
    )


def left_out(plan: Sequence[Advice], text: Text, measure: Measure) -> str:
    """What is not in the plan, closed until somebody asks."""
    out = [each for each in plan if each.place == "out"]
    if not out:
        return ""
    rows = "".join(
        f'<li id="step-{each.step.key}"><strong>{escape(each.step.said(text.code).title)}</strong>{_why(each, text)}'
        f"{_measured(each, text, measure)}{sources(each, text)}</li>"
        for each in out
    )
    summary = escape(text.what_out.format(len(out)))
    return f'<details class="guide-out" lang="{text.code}"><summary>{summary}</summary><ul>{rows}</ul></details>'


def _why(advice: Advice, text: Text) -> str:
    return f'<ul class="why">{"".join(f"<li>{escape(line.said(text.code))}</li>" for line in advice.why)}</ul>' if advice.why else ""


def _cost(advice: Advice, text: Text) -> str:
    if advice.cost is None:
        return ""
    return f'<p class="line"><span class="badge thumb">{escape(text.thumb)}</span> {escape(advice.cost.said(text.code))}</p>'


def _measured(advice: Advice, text: Text, measure: Measure) -> str:
    """Words of a run come from files: they are escaped like everything else."""
    known = measure(advice.step.measured) if advice.step.measured else None
    if known is None:
        return ""
    run = text.run.format(known.run, known.when, known.questions, known.model)
    return (
        f'<p class="line measured"><span class="badge here">{escape(text.measured)}</span> {escape(plain(known.headline))} '
        f"<small>{escape(one_line(run, 160))}</small></p>"
    )


def sources(advice: Advice, text: Text) -> str:
    """The passages, each closed under its title; a page that is not there is left out."""
    cards = []
    for name in advice.step.sources:
        try:
            known = source(name, text.code)
        except InputError:  # installed without the corpus: the plan holds without its sources
            continue
        section = f" · {known.section}" if known.section else ""
        cards.append(
            f'<details class="card" id="{escape(f"{advice.step.key}-{name}")}"><summary><span class="what">'
            f'<span class="title">{escape(known.title + section)}</span><span class="where">{escape(known.path)}</span></span></summary>'
            f'<div class="page answer" tabindex="0">{answer(known.passage, {})}</div></details>'
        )
    return f'<div class="from"><h5>{escape(text.sources)}</h5>{"".join(cards)}</div>' if cards else ""
