"""The cases that were lost, one by one: question, accepted answers, passages, what each arm said, and why it counts as lost."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from eval.corners import DIAGNOSTIC, Corner
from eval.report.view import View
from eval.report.visible import cut
from eval.types import Case, Passage

MOST = 100
"""Cases shown; all of them are in the CSV."""
ANSWER, GOLD, OTHER = 600, 800, 240
"""Characters shown of an answer, of a gold passage (around its span) and of another one."""


@dataclass(frozen=True, slots=True)
class ShownPassage:
    """A passage as shown: what stands before, in and after the gold span (`marked` empty: not in it). `gold`: words that say so."""

    title: str
    before: str
    marked: str
    after: str
    gold: str


@dataclass(frozen=True, slots=True)
class Said:
    """One arm's row. `lost` says that `cause` is why it was lost, not a failure to answer or "right"; `basis`: by which arms."""

    arm: str
    text: str
    value: str
    outcome: str
    lost: bool
    passages: str
    basis: str


@dataclass(frozen=True, slots=True)
class LostCase:
    question: str
    history: tuple[str, ...]
    accepted: tuple[str, ...]
    facts: str
    summary: str
    passages: tuple[ShownPassage, ...]
    dropped: tuple[str, ...]
    said: tuple[Said, ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """A question that an arm did not answer."""

    arm: str
    question: str
    origin: str
    what: str


def lost_cases(view: View, most: int = MOST) -> tuple[list[LostCase], int]:
    """Those that the best arm lost first, then by how many lost them, then in the order of the run; and how many there are in all.

    A case that only diagnostic arms lost is none: losing is what the shuffled arm is for.
    """
    arms: dict[str, list[str]] = {}
    wanted = set(competing(view))
    for each in view.run.lost:
        if each.case in view.cases and each.arm in wanted:
            arms.setdefault(each.case, []).append(each.arm)
    found, first = [case for case in view.run.cases if case.id in arms], best(view)
    found.sort(key=lambda case: (first not in arms[case.id], -len(arms[case.id])))
    return [_case(view, case, arms[case.id]) for case in found[:most]], len(found)


def competing(view: View) -> list[str]:
    """The arms that are no diagnostics; all of them where there are only those."""
    return [arm for arm in view.arms if Corner.of(arm).kind not in DIAGNOSTIC] or list(view.arms)


def best(view: View) -> str:
    """The competing arm with the highest mean of the main metric; "" when there is no arm."""
    means = {arm: estimate.mean for arm in competing(view) if (estimate := view.estimate(arm, view.metric))}
    return max(means, key=means.__getitem__) if means else next(iter(competing(view)), "")


def missing(view: View, most: int = MOST) -> list[Missing]:
    """Failures to answer, in the order of the run."""
    found = []
    for each in view.run.failures[:most]:
        case = view.cases.get(each.case)
        question, origin = (case.pair.question, case.origin or case.id) if case else (each.case, "")
        found.append(Missing(each.arm, question, origin, each.what))
    return found


def _case(view: View, case: Case, lost_by: Sequence[str]) -> LostCase:
    words, pair = view.words, case.pair
    found = view.retrievals.get(case.id)
    facts = [case.origin or case.id, pair.language, pair.kind, *case.tags]
    ran = [arm for arm in view.arms if (case.id, arm) in view.replies or (case.id, arm) in view.failures]
    return LostCase(
        question=pair.question,
        history=tuple(f"{words('role_' + turn.role)}: {cut(turn.content, OTHER)}" for turn in pair.history),
        accepted=pair.answers if pair.answerable else (words("unanswerable"),),
        facts=" · ".join(fact for fact in facts if fact),
        summary=words(
            "lost_by", lost=len(set(lost_by)), arms=len(set(ran) & set(competing(view))), names=", ".join(dict.fromkeys(lost_by))
        ),
        passages=tuple(_passage(view, case, each) for each in (found.passages if found else ())),
        dropped=tuple(f"{path} ({why})" for path, why in (found.dropped if found else ())),
        said=tuple(_said(view, case, arm) for arm in ran),
    )


def _said(view: View, case: Case, arm: str) -> Said:
    words, key = view.words, (case.id, arm)
    failure = view.failures.get(key)
    if failure is not None:
        return Said(arm, cut(failure.what, ANSWER), "–", words("no_answer"), False, "", "")
    reply, score, lost = view.replies[key], view.score(case.id, arm, view.metric), view.lost.get(key)
    found = view.retrievals.get(case.id)
    others = ", ".join(dict.fromkeys(each.path for each in reply.passages)) if not found or reply.passages != found.passages else ""
    said = words("abstained_for_it") if reply.abstained and not reply.text else reply.text
    return Said(
        arm,
        cut(said, ANSWER) or words("empty_answer"),
        "–" if score is None else view.numbers.value(view.metric, score),
        words("right") if lost is None else view.cause(lost.cause),
        lost is not None,
        others,
        words("told_by", names=", ".join(lost.basis)) if lost is not None and lost.basis else "",
    )


def _passage(view: View, case: Case, passage: Passage) -> ShownPassage:
    words, pair = view.words, case.pair
    title = f"[{passage.number}] {passage.path}"
    for span in (span for path, span in pair.gold if path == passage.path and span.strip()):
        found = re.search(r"\s+".join(map(re.escape, span.split())), passage.text)
        if found is not None:
            return _around(title, passage.text, *found.span(), words("gold_passage"))
    gold = words("gold_document") if passage.path in pair.docs else ""
    return ShownPassage(title, cut(passage.text, GOLD if gold else OTHER), "", "", gold)


def _around(title: str, text: str, start: int, end: int, gold: str) -> ShownPassage:
    """The span with as much of the text on both sides as GOLD allows."""
    room = max(0, GOLD - (end - start)) // 2
    before, after = text[max(0, start - room) : start], text[end : end + room]
    more = "…" if start > room else "", "…" if end + room < len(text) else ""
    return ShownPassage(title, more[0] + before, cut(text[start:end], GOLD), after + more[1], gold)
