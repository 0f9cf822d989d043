"""A run made up from nothing: enough of everything that a report shows, the same each time."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import mean, stdev
from typing import Any

from eval.types import Case, Contrast, Estimate, Failure, Lost, Passage, Reply, Retrieval, Run, Scores
from rag.qa import Pair

SKILL: Mapping[str, float] = {"icl": 0.12, "rag": 0.5, "lora": 0.2, "rag+lora": 0.6, "oracle": 0.75, "shuffled": 0.1}
"""Arm -> chance to get an answerable question right."""
REFUSING: Mapping[str, float] = {"icl": 0.05, "rag": 0.3, "lora": 0.2, "rag+lora": 0.6, "oracle": 0.7, "shuffled": 0.4}
JUDGED: Mapping[str, Any] = {
    "model": "http://127.0.0.1:9000/v1#judge",
    "rubric": "1. Correct.\n2. Honest.",
    "pairs": {
        "rag - icl": {
            "first": 30,
            "tie": 20,
            "second": 8,
            "n": 58,
            "inconsistent": 5,
            "same": 3,
            "failures": 2,
            "net": 0.379,
            "low": 0.2,
            "high": 0.55,
            "winners": {"q0": "first"},
            "failed": {"q3": "?", "q7": "?"},
        },
        "lora - icl": {
            "first": 0,
            "tie": 0,
            "second": 0,
            "n": 0,
            "inconsistent": 0,
            "same": 0,
            "failures": 60,
            "net": None,
            "low": None,
            "high": None,
            "winners": {},
            "failed": {},
        },
    },
    "groundedness": {"by": "http://127.0.0.1:9000/v1#judge", "replies": 90, "statements": 1100, "failed": 4},
    "votes": {
        "votes": 26,
        "n": 24,
        "questions": 20,
        "failures": 2,
        "inconsistent": 3,
        "agreed": 0.75,
        "kappa": 0.612,
        "low": 0.31,
        "high": 0.84,
        "few": True,
    },
}
"""What `eval.judged.summary` makes."""
CONTRASTS = (("rag", "icl"), ("lora", "icl"), ("rag+lora", "rag"), ("rag+lora", "lora"))
MANIFEST = {
    "name": "demo",
    "created": "2026-11-22T04:06:00+00:00",
    "command": ["atlas", "eval", "--qa", "my pairs.jsonl", "--arms", "icl,rag,lora,rag+lora"],
    "arms": list(SKILL),
    "determines": {"model": {"backend": "vllm", "name": "qwen2.5-coder-0.5b-instruct", "revision": "1d9614638d"}, "seed": 0},
    "settings": {"retrieve": {"top_k": 8, "fusion": "scores"}},
    "libraries": {"torch": "2.13.0", "vllm": "0.32.0"},
    "git": {"commit": "90ada48", "changed": False},
    "training_seconds": {"lora": 960.0, "rag+lora": 960.0},
}


def made_pairs(n: int, *, word: Callable[[int], str] = "word{}".format) -> list[Pair]:
    """Every fifth cannot be answered; two languages, three kinds, a document for every four."""
    pairs = []
    for k in range(n):
        path, answer = f"docs/{word(k // 4)}.md", f"{word(k)} {k}"
        answerable = k % 5 != 4
        gold = ((path, f"{word(k)}: {answer}"),) if answerable else ()
        kind = ("fact", "number", "table")[k % 3]
        answers, docs = ((answer,), (path,)) if answerable else ((), ())
        pairs.append(Pair(f"q{k}", f"{word(k)} {word(k + 1)} {k}?", answers, docs, gold, answerable, "ru" if k % 2 else "en", kind))
    return pairs


def made_run(pairs: Sequence[Pair] | None = None, *, seed: int = 0, texts: Mapping[str, str] | None = None) -> Run:
    """`texts`: path -> the document's text, from which passages are made; invented where it is not given."""
    rng = random.Random(seed)
    cases = tuple(Case(pair, (f"group-{k % 3}",), f"pairs.jsonl:{k + 1}") for k, pair in enumerate(pairs or made_pairs(60)))
    retrievals = tuple(_retrieval(case, rng, texts or {}) for case in cases)
    replies: list[Reply] = []
    failures: list[Failure] = []
    lost: list[Lost] = []
    for case, found in zip(cases, retrievals, strict=True):
        luck = rng.random()
        for arm in SKILL:
            if rng.random() < 0.01:
                failures.append(Failure(case.id, arm, "The server did not answer within 60 s."))
                continue
            reply, cause = _reply(case, arm, found, luck=0.6 * luck + 0.4 * rng.random(), rng=rng)
            replies.append(reply)
            lost += [Lost(case.id, arm, cause, ("shuffled",) if cause == "context ignored" else ())] if cause else []
    gone = {(each.case, each.arm) for each in lost}
    scores = tuple(_scores(case, reply, (case.id, reply.arm) in gone, rng) for case in cases for reply in replies if reply.case == case.id)
    return Run(
        name="demo-run",
        manifest=MANIFEST,
        cases=cases,
        retrievals=retrievals,
        replies=tuple(replies),
        failures=tuple(failures),
        scores=scores,
        estimates=_estimates(scores),
        contrasts=tuple(_contrast(one, other, scores) for one, other in CONTRASTS),
        lost=tuple(lost),
        curves={arm: tuple((k / 40, (1 - SKILL[arm]) * (0.4 + 0.6 * (k / 40) ** 0.7)) for k in range(1, 41)) for arm in SKILL},
        breakdown=tuple(_breakdown(cases, scores)),
    )


def empty(run: Run) -> Run:
    """The same questions, with nothing answered, scored or compared."""
    return replace(
        run, manifest={}, retrievals=(), replies=(), failures=(), scores=(), estimates={}, contrasts=(), lost=(), curves={}, breakdown=()
    )


def _retrieval(case: Case, rng: random.Random, texts: Mapping[str, str]) -> Retrieval:
    pair = case.pair
    sure = rng.betavariate(5, 2) if pair.answerable else rng.betavariate(2, 4)
    passages = []
    if pair.gold and rng.random() < 0.8:
        path, span = pair.gold[0]
        passages.append(_passage(1, path, texts.get(path, f"... {span} ..."), span))
    others = sorted(texts) or [f"docs/other{k}.md" for k in range(9)]
    for path in rng.sample(others, 2):
        passages.append(_passage(len(passages) + 1, path, texts.get(path, "- - - " * 90), ""))
    dropped = (("docs/late.md", "budget"),) if rng.random() < 0.3 else ()
    ranked = tuple(each.path for each in passages)
    return Retrieval(case.id, pair.question, ranked, tuple(passages), dropped, sure, 0.35, 0.03)


def _passage(number: int, path: str, text: str, span: str) -> Passage:
    start = max(0, text.find(span) - 300) if span else 0
    return Passage(number, path, start, start + 900, text[start : start + 900], 200)


def _reply(case: Case, arm: str, found: Retrieval, *, luck: float, rng: random.Random) -> tuple[Reply, str]:
    pair, weak = case.pair, found.evidence < found.threshold and arm in ("rag", "rag+lora")
    right = luck < SKILL[arm] and pair.answerable
    refused = weak or (not right and rng.random() < REFUSING[arm])
    text = "" if weak else "?" if refused else pair.answers[0] if right else f"{pair.id} {arm} 1234"
    cause = ""
    if pair.answerable and not (right and not refused):
        held = any(pair.gold and each.path == pair.gold[0][0] for each in found.passages)
        cause = "wrong refusal" if refused else "context ignored" if held else "retrieval miss"
        cause = "not known" if arm in ("icl", "lora") and not refused else cause
    elif not pair.answerable and not refused:
        cause = "missed refusal"
    grounded = arm not in ("icl", "lora")
    first = rng.gammavariate(4, 0.25) * (2.2 if grounded else 1)
    passages = found.passages if arm in ("rag", "rag+lora") else found.passages[:1] if grounded else ()
    adapter = {"adapter": "atlas"} if "lora" in arm else {}
    total = first + rng.gammavariate(3, 0.3)
    tokens = 380 if grounded else 120
    return Reply(case.id, arm, text, refused, weak, (), passages, first, total, tokens, 12, identity=adapter), cause


def _scores(case: Case, reply: Reply, lost: bool, rng: random.Random) -> Scores:
    values: dict[str, float] = {}
    if case.pair.answerable:
        values |= {"f1": 1.0 if not lost else round(rng.random() * 0.5, 2) * (not reply.refused), "em": float(not lost)}
        values |= {"rouge_l": values["f1"], "similarity": 0.5 + values["f1"] / 2, "over_refusal": float(reply.refused)}
    else:
        values["refusal_recall"] = float(reply.refused)
    values["f1_all"] = values.get("f1", float(reply.refused))
    if reply.arm in ("rag", "rag+lora") and case.pair.gold:
        held = float(any(each.path == case.pair.gold[0][0] for each in reply.passages))
        values |= {"hit@3": held, "MRR@10": held, "answer_in_context": held}
    return Scores(case.id, reply.arm, values)


def _estimates(scores: Sequence[Scores]) -> dict[str, dict[str, Estimate]]:
    found: dict[str, dict[str, list[float]]] = {arm: {} for arm in SKILL}
    for each in scores:
        for metric, value in each.values.items():
            found[each.arm].setdefault(metric, []).append(value)
    return {arm: {metric: _estimate(values) for metric, values in metrics.items()} for arm, metrics in found.items()}


def _estimate(values: Sequence[float]) -> Estimate:
    half = 1.96 * stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return Estimate(mean(values), mean(values) - half, mean(values) + half, len(values), max(1, len(values) // 4))


def _contrast(one: str, other: str, scores: Sequence[Scores]) -> Contrast:
    values = {(each.case, each.arm): each.values["f1"] for each in scores if "f1" in each.values}
    pairs = [(value, values[case, other]) for (case, arm), value in values.items() if arm == one and (case, other) in values]
    effect = _estimate([a - b for a, b in pairs])
    wins, losses = sum(a > b for a, b in pairs), sum(a < b for a, b in pairs)
    p = 0.0002 if effect.low > 0.1 else 0.03 if effect.low > 0 else 0.4
    ties = len(pairs) - wins - losses
    return Contrast(f"{one} - {other}", one, other, "f1", effect, wins, ties, losses, p, min(1, 2 * p), 0.082, 0.02, False)


def _breakdown(cases: Sequence[Case], scores: Sequence[Scores]) -> list[tuple[str, str, str, Estimate]]:
    about = {case.id: {"tag": case.tags[0], "language": case.pair.language, "kind": case.pair.kind} for case in cases}
    found: dict[tuple[str, str, str], list[float]] = {}
    for each in scores:
        if "f1" in each.values:
            for dimension, value in about[each.case].items():
                found.setdefault((dimension, value, each.arm), []).append(each.values["f1"])
    return [(dimension, value, arm, _estimate(values)) for (dimension, value, arm), values in sorted(found.items())]
