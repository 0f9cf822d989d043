"""The declared contrasts: a forest plot for each metric, and one table with everything about them."""

from __future__ import annotations

from eval.report.blocks import Block, Cell, Figure, Section, Table, Terms, head, label
from eval.report.forest import forest
from eval.report.view import View, lower_better, slug
from eval.types import Contrast


def contrasts(view: View) -> Section:
    """Effects with intervals, tests and what could have been found at all."""
    words, found = view.words, view.run.contrasts
    if not found:
        return Section("contrasts", words("contrasts_title"), words("contrasts_none"))
    metrics = list(dict.fromkeys(each.metric for each in found))
    blocks: list[Block] = []
    for number, metric in enumerate(metrics):
        svg = forest(view, [each for each in found if each.metric == metric], name=f"forest{number}")
        blocks.append(Figure(svg, words("forest_caption_lower" if lower_better(metric) else "forest_caption"), half=len(metrics) > 1))
    columns = ("effect", "n_cases", "wins", "p_value", "p_holm", "mde", "equivalent")
    rows = tuple(_row(view, each, several=len(metrics) > 1) for each in found)
    blocks.append(Table(words("contrasts_caption"), head(words("contrast"), *(words(name) for name in columns)), rows))
    terms = ("effect", "wins", "p_value", "p_holm", "mde", "equivalent")
    blocks.append(Terms(words("columns_meaning"), tuple((words(name), words(f"{name}_meaning")) for name in terms)))
    return Section("contrasts", words("contrasts_title"), words("contrasts_lead"), tuple(blocks))


def _row(view: View, each: Contrast, *, several: bool) -> tuple[Cell, ...]:
    words, numbers, effect = view.words, view.numbers, each.effect
    verdict = words("found") if each.found else words("not_found")
    within = words("yes") if each.equivalent else words("no")
    return (
        label(view.contrast(each.name), note=view.called(each.metric) if several else ""),
        Cell(numbers.value(each.metric, effect.mean, sign=True), numbers.interval(each.metric, effect, sign=True), strong=each.found),
        Cell(numbers.count(effect.n), words.count("documents", effect.clusters)),
        Cell(f"{each.wins} / {each.ties} / {each.losses}"),
        Cell(numbers.p(each.p), words.get(f"test_{slug(each.test)}", each.test)),
        Cell(numbers.p(each.p_holm), verdict, strong=each.found),
        Cell(numbers.value(each.metric, each.mde)),
        Cell(within, f"± {numbers.value(each.metric, each.margin)}"),
    )
