"""Lost questions: which there are by cause, variant and language, and one of them with everything that was said to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ui.messages.translation import translated
from ui.pages.adapters.markup import Html, badge, code, paragraph, safe, section, spoken
from ui.plain import one_line, plain

if TYPE_CHECKING:
    from eval.report.view import View
    from eval.types import Case, Passage
    from ui.pages.evaluate.text import Words

NO_ANSWER = "no answer"
"""A failure to answer, among the causes of eval.attribution."""
MOST = 50
ANSWER, PASSAGE = 1200, 700
"""Characters shown."""


@dataclass(frozen=True, slots=True)
class Filter:
    """ "" = all of them."""

    cause: str = ""
    arm: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class Lost:
    """A question with (variant, cause) of each variant that lost it, within the filter."""

    case: Case
    by: tuple[tuple[str, str], ...]


def lost(view: View, wanted: Filter) -> list[Lost]:
    """Those that most variants lost first, then in the order of the run. What only a diagnostic lost is shown when it is asked for."""
    from eval.report.lost import competing

    arms = {wanted.arm} if wanted.arm else set(competing(view))
    by: dict[str, list[tuple[str, str]]] = {}
    for case, arm, cause in _all(view):
        if arm in arms and wanted.cause in ("", cause):
            by.setdefault(case, []).append((arm, cause))
    found = [Lost(case, tuple(by[case.id])) for case in view.run.cases if case.id in by and wanted.language in ("", case.pair.language)]
    return sorted(found, key=lambda each: -len(each.by))


def filters(view: View, words: Words) -> tuple[list[tuple[str, str]], list[tuple[str, str]], list[tuple[str, str]]]:
    """Choices of cause, variant and language that occur, each with "all" before them."""
    losses = list(_all(view))
    causes = dict.fromkeys(cause for _, _, cause in losses)
    languages = dict.fromkeys(case.pair.language for case in view.run.cases)
    every = (words.all, "")
    return (
        [every, *((cause_words(view, cause, words), cause) for cause in causes)],
        [every, *((arm, arm) for arm in view.arms)],
        [every, *((one_line(language, 12), language) for language in languages)],
    )


def choices(found: Sequence[Lost], view: View, words: Words) -> list[tuple[str, str]]:
    """(two lines of plain text, case id)."""
    return [(f"{one_line(each.case.pair.question, 160)}\n{_by(each, view, words)}", each.case.id) for each in found[:MOST]]


def cause_words(view: View, cause: str, words: Words) -> str:
    return words.no_answer if cause == NO_ANSWER else view.cause(cause)


def detail(view: View, case_id: str | None, words: Words) -> str:
    """The question with its accepted answers, what every variant said, what went wrong, and the passages that were found."""
    case = view.cases.get(case_id or "")
    if case is None:
        return ""
    pair = case.pair
    history = "".join(f"<li>{safe(one_line(turn.content, 300))}</li>" for turn in pair.history)
    accepted = Html("".join(f'<span class="accepted">{safe(one_line(answer, 200))}</span>' for answer in pair.answers))
    arms = [arm for arm in view.arms if (case.id, arm) in view.replies or (case.id, arm) in view.failures]
    about = " · ".join(filter(None, [case.origin.replace("\\", "/").rsplit("/", 1)[-1], pair.language, pair.kind, *case.tags]))
    retrieval = view.retrievals.get(case.id)
    body = "".join(
        [
            f"<header><h3>{safe(pair.question)}</h3></header>{paragraph(about)}",
            section(words.asked_before, f"<ul>{history}</ul>" if history else ""),
            section(words.accepted, accepted if pair.answerable else paragraph(words.unanswerable)),
            section(words.said, "".join(_said(view, case, arm, words) for arm in arms)),
            section(words.passages, "".join(_passage(each, case, words) for each in (retrieval.passages if retrieval else ()))),
        ]
    )
    return spoken(words.code, f'<article class="sheet lost-case">{body}</article>')


def _all(view: View) -> Iterable[tuple[str, str, str]]:
    """(case, arm, cause) of everything lost, failures included."""
    yield from ((each.case, each.arm, each.cause) for each in view.run.lost)
    yield from ((each.case, each.arm, NO_ANSWER) for each in view.run.failures)


def _by(each: Lost, view: View, words: Words) -> str:
    causes = dict.fromkeys(cause_words(view, cause, words) for _, cause in each.by)
    return f"{words.lost_line.format(arms=', '.join(arm for arm, _ in each.by))} · {', '.join(causes)}"


def _said(view: View, case: Case, arm: str, words: Words) -> str:
    key = (case.id, arm)
    failure = view.failures.get(key)
    if failure is not None:
        return _row(arm, badge("bad", "!", words.no_answer), "", translated(failure.what, words.code))
    reply, lost, score = view.replies[key], view.lost.get(key), view.score(case.id, arm, "f1")
    outcome = badge("good", "✓", words.right) if lost is None else badge("bad", "✗", view.cause(lost.cause))
    more = [f"F1 {words.number(100 * score)}"] if score is not None else []
    more += [words.told_by.format(arms=", ".join(lost.basis))] if lost is not None and lost.basis else []
    text = words.abstained if reply.abstained and not reply.text.strip() else reply.text.strip() or words.empty
    return _row(arm, outcome, " · ".join(more), text)


def _row(arm: str, outcome: str, more: str, text: str) -> str:
    shown = plain(text)
    cut = shown if len(shown) <= ANSWER else shown[:ANSWER] + " …"
    return (
        f'<div class="reply"><p class="who">{code(arm)} {outcome} <span class="soft">{safe(more)}</span></p>'
        f'<p class="text" dir="auto">{safe(cut)}</p></div>'
    )


def _passage(passage: Passage, case: Case, words: Words) -> str:
    sign = badge("good", "★", words.gold) if passage.path in case.pair.docs else ""
    summary = f"<summary>[{passage.number}] {safe(one_line(passage.path, 120))} {sign}</summary>"
    return f'<details>{summary}<p class="text">{safe(passage.text[:PASSAGE])}{" …" if len(passage.text) > PASSAGE else ""}</p></details>'
