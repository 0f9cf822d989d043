"""Where errors come from: for each arm, how many cases were lost for which cause."""

from __future__ import annotations

from collections import Counter

from eval.report.blocks import Block, Cell, Figure, Section, Table, Terms, label
from eval.report.plots import letter, stacks
from eval.report.view import View, slug

BESIDE = 6
"""Arms whose numbers have room beside the figure."""


def causes(view: View) -> Section:
    """Stacked bars with the numbers in them, and the same as a table."""
    words = view.words
    if not view.run.lost:
        return Section("causes", words("causes_title"), words("causes_none"))
    counts = {arm: Counter(each.cause for each in view.run.lost if each.arm == arm) for arm in view.arms}
    total: Counter[str] = sum(counts.values(), Counter())
    known = [cause for cause, _ in total.most_common()]
    names = [view.cause(cause) for cause in known]
    bars = [
        (f"{arm}: {found.total()} / {view.answered[arm]}", [(known.index(cause), found[cause]) for cause in known if found[cause]])
        for arm, found in counts.items()
        if view.answered[arm]
    ]
    told = "; ".join(
        f"{arm}: " + ", ".join(f"{view.cause(cause)} {found[cause]}" for cause in known if found[cause])
        for arm, found in counts.items()
        if found
    )
    svg = stacks(bars, names, title=words("causes_title"), told=told)
    columns = (label(words("cause")), *(Cell(arm) for arm in view.arms))
    rows = [
        (label(f"{letter(number)}. {names[number]}"), *(Cell(str(counts[arm][cause])) for arm in view.arms))
        for number, cause in enumerate(known)
    ]
    rows.append((label(words("lost_together")), *(Cell(str(counts[arm].total()), strong=True) for arm in view.arms)))
    meanings = tuple((view.cause(cause), words.get(f"cause_{slug(cause)}_meaning", "")) for cause in known)
    table = Table(words("causes_table"), columns, tuple(rows))
    beside = len(view.arms) <= BESIDE
    blocks: list[Block] = [Figure(svg, words("causes_caption"), table if beside else None), *([] if beside else [table])]
    blocks.append(Terms(words("causes_meaning"), tuple(each for each in meanings if each[1])))
    return Section("causes", words("causes_title"), words("causes_lead"), tuple(blocks))
