"""Two runs: what has changed for each variant on the questions that both have, with its interval and a verdict in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ui.pages.adapters.markup import Html, badge, code, paragraph, safe, spoken, table

if TYPE_CHECKING:
    from eval.report.view import View
    from eval.statistics.regression import Regression
    from eval.types import Contrast, Run
    from ui.pages.evaluate.text import Words


def comparison(view: View, earlier: Run, words: Words) -> str:
    """What `atlas eval --compare` says."""
    from eval.compared import compared

    _, found = compared(view.run, earlier)
    head = (words.arm, words.effect, words.interval, words.p_value, words.verdict)
    rows = ((code(each.arm), *_cells(each, view, words)) for each in found.contrasts)
    shown = table(words.compared_caption, head, rows) if found.contrasts else paragraph(words.nothing_shared)
    left = "".join(f"<li>{safe(line)}</li>" for line in _left(found, words))
    notes = f'<ul class="notes">{left}</ul>' if left else ""
    title = f"<header><h3>{safe(words.compared.format(name=earlier.name))}</h3></header>"
    return spoken(words.code, f'<article class="sheet">{title}{shown}{notes}</article>')


def _cells(each: Contrast, view: View, words: Words) -> tuple[str, ...]:
    numbers, effect = view.numbers, each.effect
    return (
        numbers.value(each.metric, effect.mean, sign=True),
        numbers.interval(each.metric, effect, sign=True),
        numbers.p(each.p_holm),
        _verdict(each, words),
    )


def _verdict(each: Contrast, words: Words) -> Html:
    from eval.scoring import METRICS

    if each.equivalent:
        return badge("plain", "=", words.equal)
    if not each.found:
        return badge("plain", "?", words.unsure)
    gain = each.effect.mean if METRICS[each.metric].better == "higher" else -each.effect.mean
    return badge("good", "▲", words.better) if gain > 0 else badge("bad", "▼", words.worse)


def _left(found: Regression, words: Words) -> list[str]:
    """What was not compared, and why."""
    counted = ((words.left_changed, found.changed), (words.left_now, found.only_now), (words.left_earlier, found.only_earlier))
    lines = [line.format(n=len(cases)) for line, cases in counted if cases]
    return [*lines, *([words.left_arms.format(names=", ".join(found.arms_apart))] if found.arms_apart else [])]
