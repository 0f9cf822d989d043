"""What the judges said: which replies were better, how groundedness was judged, and how far people agree. See eval.judged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from eval.report.blocks import Block, Cell, Paragraph, Section, Table, Terms, head, label
from eval.report.view import View
from eval.report.visible import cut

FAILED, NAMED = 20, 5
"""Reasons that are listed, and questions to each; all are in report.json."""
REASON, QUESTION = 160, 120
"""Characters of one."""
PARTS = ("model", "rubric", "pairs", "groundedness", "votes")


def judge(view: View) -> Section:
    """Only what is there: a judge, an NLI model, votes; what is none of ours is shown as it is."""
    words, judged = view.words, view.run.judged
    pairs = judged.get("pairs")
    blocks: list[Block] = [Paragraph(words("judge_by", name=judged["model"]))] if judged.get("model") else []
    if isinstance(pairs, Mapping) and pairs:
        blocks.append(_pairs(view, pairs))
    blocks += map(Paragraph, _told(view, judged))
    if judged.get("rubric"):
        lines = [line.partition(". ")[::2] for line in str(judged["rubric"]).splitlines()]
        blocks.append(Terms(words("judge_rubric"), tuple((number, said) for number, said in lines)))
    if isinstance(pairs, Mapping) and (failed := tuple(_failed(view, pairs))[:FAILED]):
        blocks.append(Terms(words("judge_failed"), failed))
    if other := tuple((label(str(name)), Cell(str(value), kind="text")) for name, value in judged.items() if name not in PARTS):
        blocks.append(Table(words("judge_title"), (label(words("name")), label(words("value"))), other))
    return Section("judge", words("judge_title"), words("judge_lead" if judged.get("model") else "judge_lead_nli"), tuple(blocks))


def _pairs(view: View, pairs: Mapping[str, Mapping[str, Any]]) -> Table:
    words = view.words
    rows = []
    for name, found in pairs.items():
        ties = {"judge_swayed": found["inconsistent"], "judge_same": found["same"]}
        notes = [words(key, n=n) for key, n in ties.items() if n]
        counts = [Cell(str(found["first"])), Cell(str(found["tie"]), "; ".join(notes)), Cell(str(found["second"]))]
        rows.append((label(view.contrast(name)), Cell(str(found["n"])), *counts, _net(view, found), Cell(str(found["failures"]))))
    columns = ("judge_first", "judge_tie", "judge_second", "judge_net", "judge_failures")
    columns_named = head(words("contrast"), words("n_cases"), *(words(name) for name in columns))
    return Table(words("judge_pairs"), columns_named, tuple(rows), words("judge_pairs_note"))


def _net(view: View, found: Mapping[str, Any]) -> Cell:
    if found["net"] is None:
        return Cell("–")
    low, high = (view.numbers.percent(found[name], sign=True) for name in ("low", "high"))
    return Cell(view.numbers.percent(found["net"], sign=True), view.numbers.bounds(low, high))


def _told(view: View, judged: Mapping[str, Any]) -> Iterator[str]:
    """Groundedness and the agreement with people, in sentences."""
    words = view.words
    if (grounded := judged.get("groundedness")) and "by" in grounded:
        counts = {name: view.numbers.count(grounded[name]) for name in ("statements", "replies", "failed")}
        yield words("judge_grounded", name=grounded["by"], **counts)
    if votes := judged.get("votes"):
        yield _agreement(view, votes)
    elif judged.get("model"):
        yield words("judge_no_votes")


def _agreement(view: View, votes: Mapping[str, Any]) -> str:
    words, numbers = view.words, view.numbers
    apart = words("judge_votes_apart", failures=votes["failures"], inconsistent=votes["inconsistent"])
    if not votes["n"]:
        return f"{words('judge_votes_none')} {apart}"
    shown = {"n": votes["n"], "agreed": numbers.percent(votes["agreed"])}
    said = words("judge_votes_undefined", **shown)
    if votes["kappa"] is not None:
        bounds = [numbers.plain(votes[name], 2) for name in ("low", "high") if votes[name] is not None]
        interval = numbers.bounds(*bounds) if len(bounds) == 2 else words("judge_not_known")
        said = words("judge_votes", kappa=numbers.plain(votes["kappa"], 2), interval=interval, **shown)
    return " ".join([said, *([words("judge_votes_few")] if votes["few"] else []), apart])


def _failed(view: View, pairs: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """(why there is no verdict, on how many pairs and on which questions)"""
    reasons: dict[str, list[str]] = {}
    for found in pairs.values():
        for case, why in found["failed"].items():
            reasons.setdefault(why, []).append(view.cases[case].pair.question if case in view.cases else case)
    for why, asked in sorted(reasons.items(), key=lambda each: -len(each[1])):
        some = list(dict.fromkeys(cut(question, QUESTION) for question in asked))
        yield cut(why, REASON), f"{len(asked)}: {'; '.join(some[:NAMED])}{'; …' if len(some) > NAMED else ''}"
