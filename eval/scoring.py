"""Every metric of one reply, and the list of what there is: what it says, when it applies, which way is better."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from eval.corners import RETRIEVING, Corner
from eval.metrics.passages import answer_in_context, citation_precision, quote_verbatim
from eval.metrics.ranking import distinct
from eval.metrics.ranking import scores as ranking_scores
from eval.metrics.rouge import rouge_l
from eval.metrics.text import containment, exact_match, token_f1
from eval.types import Case, Reply, Retrieval, Scores
from rag.context.citations import without_markers


@dataclass(frozen=True, slots=True)
class Metric:
    """`applies`: to which cases; elsewhere the value is absent, which is not zero. `binary`: only 0 and 1.

    `chosen`: whether it applies depends on what the arm said (only where it cited, only where it refused): its mean is a fair
    description of one arm, but two arms are not compared on it, since each would be judged on questions of its own choice.
    """

    what: str
    applies: str
    binary: bool = False
    better: Literal["higher", "lower"] = "higher"
    chosen: bool = False


FOUND = "answerable cases with gold documents, arms that retrieve"
RIGHT = "answerable cases"
METRICS: Mapping[str, Metric] = {
    **{f"hit@{k}": Metric(f"a gold document is among the first {k} found", FOUND, binary=True) for k in (1, 3, 5, 10)},
    **{f"recall@{k}": Metric(f"share of the gold documents among the first {k} found", FOUND) for k in (5, 10)},
    "MRR@10": Metric("1 / rank of the first gold document, 0 beyond 10", FOUND),
    "nDCG@10": Metric("normalised discounted cumulative gain of the first 10", FOUND),
    "answer_in_context": Metric("the gold span or an accepted answer is in the prompt", "answerable cases, with passages", binary=True),
    "em": Metric("exact match with an accepted answer, normalised by language", RIGHT, binary=True),
    "f1": Metric("token F1 with the accepted answer that fits best", RIGHT),
    "containment": Metric("an accepted answer stands in the reply, normalised", RIGHT, binary=True),
    "rouge_l": Metric("longest common subsequence with an accepted answer, F-measure", RIGHT),
    "similarity": Metric("cosine of the embeddings of reply and accepted answer", "answerable cases, when measured"),
    "em_all": Metric("em; on unanswerable cases 1 if refused, else 0 (SQuAD 2)", "every case", binary=True),
    "f1_all": Metric("f1; on unanswerable cases 1 if refused, else 0 (SQuAD 2)", "every case"),
    "refusal_right": Metric("refused exactly when the corpus does not hold the answer", "every case", binary=True),
    "refusal_recall": Metric("refused, where the corpus does not hold the answer", "unanswerable cases", binary=True),
    "refusal_precision": Metric("the corpus does not hold the answer, where it was refused", "refused replies", binary=True, chosen=True),
    "over_refusal": Metric("refused although the corpus holds the answer", RIGHT, binary=True, better="lower"),
    "citation_precision": Metric("share of the cited paths that are gold", "replies with citations, gold documents known", chosen=True),
    "quote_verbatim": Metric("share of the quotes that stand in the passage they name", "replies with citations", chosen=True),
    "groundedness": Metric("share of the statements that the passages support", "replies with passages, when judged", chosen=True),
    "first_token": Metric("seconds to the first token", "replies that were generated", better="lower", chosen=True),
    "total": Metric("seconds to the whole reply", "replies that were timed", better="lower", chosen=True),
    "prompt_tokens": Metric("tokens of the prompt", "replies that were generated", better="lower", chosen=True),
    "answer_tokens": Metric("tokens of the reply", "replies that were generated", better="lower", chosen=True),
}  # fmt: skip
MEASURED = frozenset({"similarity", "groundedness"})
"""Those that need a model: measured in batches elsewhere and handed to `score`."""


def score(case: Case, retrieval: Retrieval | None, reply: Reply, *, measured: Mapping[str, float] | None = None) -> Scores:
    """All metrics of METRICS that apply to this reply.

    The reply's text is scored as it stands, without citation markers, whether or not it counts as a refusal. `retrieval`: the
    frozen one of the case; it is scored for arms that answer from it. `measured`: values of MEASURED.
    Raises ValueError for the name of a metric that is not measured elsewhere, or a value that is no finite number.
    """
    extra = dict(measured or {})
    if unknown := sorted(set(extra) - MEASURED):
        raise ValueError(f"not measured outside: {', '.join(unknown)}")
    if wrong := sorted(name for name, value in extra.items() if not math.isfinite(value)):
        raise ValueError(f"no finite number: {', '.join(wrong)}")
    values = {
        **_found(case, retrieval, reply),
        **_said(case, reply),
        **_refused(case, reply),
        **_cited(case, reply),
        **_spent(reply),
        **extra,
    }
    return Scores(case.id, reply.arm, {name: values[name] for name in METRICS if name in values})


def _found(case: Case, retrieval: Retrieval | None, reply: Reply) -> dict[str, float]:
    pair = case.pair
    retrieves = Corner.of(reply.arm).kind in RETRIEVING
    found: dict[str, float] = {}
    if not pair.answerable:
        return found
    if retrieves and retrieval is not None and pair.docs:
        found |= ranking_scores(distinct(retrieval.ranked), set(pair.docs))
    if retrieves or reply.passages:
        found["answer_in_context"] = float(answer_in_context(pair, reply.passages))
    return found


def _said(case: Case, reply: Reply) -> dict[str, float]:
    pair, text = case.pair, without_markers(reply.text)
    if not pair.answerable:
        return {"em_all": float(reply.refused), "f1_all": float(reply.refused)}
    functions: Mapping[str, Callable[..., float]] = {"em": exact_match, "f1": token_f1, "containment": containment, "rouge_l": rouge_l}
    found = {name: function(text, pair.answers, pair.language) for name, function in functions.items()}
    return {**found, "em_all": found["em"], "f1_all": found["f1"]}


def _refused(case: Case, reply: Reply) -> dict[str, float]:
    answerable, refused = case.pair.answerable, reply.refused
    found = {"refusal_right": float(refused != answerable), "over_refusal" if answerable else "refusal_recall": float(refused)}
    return {**found, "refusal_precision": float(not answerable)} if refused else found


def _cited(case: Case, reply: Reply) -> dict[str, float]:
    if not reply.cited:
        return {}
    found = {"quote_verbatim": quote_verbatim(reply.cited, reply.passages)}
    if case.pair.answerable and case.pair.docs:
        found["citation_precision"] = citation_precision(reply.cited, case.pair)
    return found


def _spent(reply: Reply) -> dict[str, float]:
    """A zero means that nothing was generated (it abstained), or that the system did not say."""
    found = {
        "first_token": reply.first_token,
        "total": reply.total,
        "prompt_tokens": float(reply.prompt_tokens),
        "answer_tokens": float(reply.answer_tokens),
    }
    return {} if reply.abstained else {name: value for name, value in found.items() if value > 0}
