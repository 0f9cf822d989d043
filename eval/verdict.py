"""The verdict: the contrasts in plain words, first what pays, then what it must be read with."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from eval.corners import DIAGNOSTIC, Corner
from eval.phrases import Phrases
from eval.scoring import METRICS
from eval.statistics.clusters import FEWEST, documents_in
from eval.types import Contrast, Run

FEW = 20
"""Documents below which the reader is told that there are few."""
SPOKEN = 3
"""Contrasts of one sort in the headline, at most."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`headline`: one line, the answer; `notes`: what it must be read with (failures, few documents), each a sentence."""

    headline: str
    notes: tuple[str, ...] = ()


def verdict(run: Run, *, language: str = "en", metric: str = "") -> Verdict:
    """From the contrasts on `metric` (default: the manifest's, else the first contrast's); refusals from those on
    refusal_recall and over_refusal where the run has them. Nothing is computed here, so it says what the tables say.

    Raises UserError for a language without words.
    """
    say = Phrases(language)
    named = metric or str(run.manifest.get("metric") or "") or (run.contrasts[0].metric if run.contrasts else "")
    main = [each for each in run.contrasts if each.metric == named and _competing(each)]
    notes = _notes(run, main, say)
    if not main:
        return Verdict(say("not_compared"), notes)
    if not any(each.found for each in main):
        return Verdict(" ".join([_nothing(main, say), *_refusals(run, main, say)]), notes)
    first, on_top = _steps(main)
    sentences = [_versus(each, say) for each in first]
    sentences += [_added(each, say) for each in on_top] if first else [_versus(each, say) for each in on_top]
    return Verdict(" ".join([*sentences, *_refusals(run, main, say), *_advice(main, say)]), notes)


def _competing(each: Contrast) -> bool:
    """Not an interaction, not a diagnostic: those explain a result, they are none."""
    return not each.name.startswith("interaction") and not {Corner.of(each.arm).kind, Corner.of(each.other).kind} & DIAGNOSTIC


def _steps(main: Sequence[Contrast]) -> tuple[list[Contrast], list[Contrast]]:
    """What is said first (retrieval against none; else the adapter alone; else whatever was compared), and what comes on top."""
    on_top = _largest([each for each in main if _is(each, "rag+lora", "rag")])
    for kind in ("rag", "lora", "rag+lora"):
        first = [each for each in main if Corner.of(each.arm).kind == kind and Corner.of(each.arm).copy == 1 and each not in on_top]
        if first:
            return _largest(first), on_top
    return ([] if on_top else _largest(main)), on_top


def _largest(contrasts: Sequence[Contrast]) -> list[Contrast]:
    return sorted(contrasts, key=lambda each: -_gain(each))[:SPOKEN]


def _is(each: Contrast, arm: str, other: str) -> bool:
    return Corner.of(each.arm).kind == arm and Corner.of(each.other).kind == other


def _gain(each: Contrast) -> float:
    """The effect, turned so that more is better."""
    return each.effect.mean if METRICS[each.metric].better == "higher" else -each.effect.mean


def _outcome(each: Contrast) -> str:
    """beats, worse, same, unknown, or hopeless: unknown, and no effect at all could have been found."""
    if each.equivalent:
        return "same"
    if each.found:
        return "beats" if _gain(each) > 0 else "worse"
    return "unknown" if each.mde < 1 else "hopeless"


def _figures(each: Contrast, say: Phrases) -> dict[str, str]:
    """Everything a sentence about one contrast may want; effects as positive points, bounds turned with them."""
    sign = 1 if each.effect.mean >= 0 else -1
    bounds = sorted((100 * sign * each.effect.low, 100 * sign * each.effect.high))
    size = 100 * abs(each.effect.mean)
    digits = 0 if size >= 9.95 else 1
    spread = say.range(bounds[0], bounds[1], digits)
    return {
        "points": say.count("points", size, digits),
        "number": say.number(size, digits),
        "range": spread,
        "ci": say.inside("ci", range=spread),
        "n": str(each.effect.n),
        "questions": say.count("on_questions", each.effect.n),
        "mde": _least(each.mde, say),
        "margin": _least(each.margin, say),
        "metric": say.metric(each.metric),
    }


def _least(share: float, say: Phrases) -> str:
    """Points, rounded up: what is said not to be visible must not be."""
    if not math.isfinite(share):
        return ""
    points = 100 * share
    digits = 0 if points >= 9.95 else 1
    return say.count("points_of", math.ceil(round(points * 10**digits, 6)) / 10**digits, digits)


def _versus(each: Contrast, say: Phrases) -> str:
    names = {"arm": say.arm(each.arm), "other": say.arm(each.other), "other_of": say.arm(each.other, of=True)}
    return say(_outcome(each), **names, **_figures(each, say))


def _added(each: Contrast, say: Phrases) -> str:
    adapter = say.adapter(Corner.of(each.arm).adapter)
    return say(f"top_{_outcome(each)}", adapter=adapter, adapter_inside=adapter, **_figures(each, say))


def _nothing(main: Sequence[Contrast], say: Phrases) -> str:
    """No contrast was found: all shown to be the same, or what could have been found at all."""
    most = max(main, key=lambda each: each.effect.n)
    if all(each.equivalent for each in main):
        return say("all_same", **_figures(most, say))
    least = min((each for each in main if not each.equivalent), key=lambda each: each.mde)
    key = "nothing" if least.mde < 1 else "nothing_at_all"
    return " ".join([say(key, **_figures(least, say)), *(_versus(each, say) for each in main if each.equivalent)])


def _refusals(run: Run, main: Sequence[Contrast], say: Phrases) -> list[str]:
    """What the best adapter does to refusals, else what retrieval does; only what was found."""
    spoken = next((found for kinds in (("rag+lora", "rag"), ("rag", "icl")) if (found := [each for each in main if _is(each, *kinds)])), [])
    if not spoken:
        return []
    arm, other = (best := _largest(spoken)[0]).arm, best.other
    sentences = []
    for metric in ("refusal_recall", "over_refusal"):
        each = next((one for one in run.contrasts if (one.metric, one.arm, one.other) == (metric, arm, other)), None)
        shares = [run.estimates.get(name, {}).get(metric) for name in (other, arm)]
        if each is None or not each.found or shares[0] is None or shares[1] is None:
            continue
        before, after = ((1 - one.mean if metric == "refusal_recall" else one.mean) for one in (shares[0], shares[1]))
        sentences.append(_mistakes(metric, before, after, arm, say))
    return sentences


def _mistakes(metric: str, before: float, after: float, arm: str, say: Phrases) -> str:
    way = "better" if after < before else "worse"
    if metric == "refusal_recall" and 0.45 <= after / max(before, 1e-9) <= 0.55:
        way = "half"
    corner = Corner.of(arm)
    it = say.adapter("", key="it") if corner.kind == "rag+lora" and not corner.adapter else say.arm(arm)
    key = f"{'refusal' if metric == 'refusal_recall' else 'over'}_{way}"
    return say(key, it=it, before=say.number(100 * before), after=say.number(100 * after))


def _advice(main: Sequence[Contrast], say: Phrases) -> list[str]:
    """What to do, where the contrasts say it."""
    tops = [_outcome(each) for each in _largest([each for each in main if _is(each, "rag+lora", "rag")])]
    retrieval = next((_outcome(each) for each in main if Corner.of(each.arm).kind == "rag" and Corner.of(each.arm).copy == 1), "")
    alone = [_outcome(each) for each in main if Corner.of(each.arm).kind == "lora"]
    if "beats" in tops:
        return [say("worth")]
    settled = tops and not {"unknown", "hopeless"} & set(tops)
    if retrieval == "beats":
        return [say(("enough" if settled else "unproven") if tops else "use_rag")]
    if tops:
        return [say("leave_out" if settled else "not_shown")]
    if retrieval in ("worse", "same"):
        return [say("skip_rag")]
    return [say("use_lora" if "beats" in alone else "leave_out")] if alone and set(alone) <= {"beats", "worse", "same"} else []


def _notes(run: Run, main: Sequence[Contrast], say: Phrases) -> tuple[str, ...]:
    notes = []
    if run.failures:
        failed = Counter(each.arm for each in run.failures)
        arms = ", ".join(f"{arm}: {count}" for arm, count in failed.items())
        notes.append(say("note_failures", failed=len(run.failures), asked=len(run.replies) + len(run.failures), arms=arms))
    documents = documents_in(run.cases)
    if 0 < documents < FEW:
        notes.append(say("note_documents" if documents < FEWEST else "note_few", documents=say.count("about_documents", documents)))
    asked = sum(case.pair.answerable for case in run.cases) if main and main[0].metric in ("f1", "em") else len(run.cases)
    least = min((each.effect.n for each in main), default=asked)
    if run.failures and least < asked:
        notes.append(say("note_shrunk", n=least, asked=asked))
    return tuple(notes)
