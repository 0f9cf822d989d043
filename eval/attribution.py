"""Why a question was lost: by what the arm had in its prompt, and by what other arms said to the same question.

not answerable, answered                                   missed refusal
answerable, no passages in this arm                        not known
answerable, gold not in the prompt, gold was retrieved     dropped by the budget
answerable, gold not in the prompt                         retrieval miss
gold in the prompt, refused                                wrong refusal
right words among others                                   format
closed book says the same                                  prior knowledge
shuffled says the same, oracle is right, or the words
of the reply are not in the passages                       context ignored
else                                                       misread
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from eval.corners import ADAPTED, CLOSED_BOOK, RETRIEVING, Corner
from eval.metrics.passages import holds_gold
from eval.metrics.text import terms, token_f1
from eval.types import Case, Lost, Passage, Reply, Retrieval, Scores
from rag.context.citations import without_markers

CAUSES = (
    "retrieval miss",
    "dropped by the budget",
    "context ignored",
    "prior knowledge",
    "misread",
    "wrong refusal",
    "missed refusal",
    "format",
    "not known",
)
"""In the order of the table above but for the last: an arm without passages did not know it, which no retrieval could help."""
LOST = 0.5
SAME = 0.8
"""Two replies say the same when their token F1 is at least this; a reply has an answer's words when it has this share of them."""
FROM_PASSAGES = 0.5
"""A reply comes from its passages when at least this share of its words stands in one of them."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """One lost reply with everything that is known about its case."""

    case: Case
    reply: Reply
    retrieval: Retrieval | None
    values: Mapping[str, float]
    others: Mapping[str, tuple[Reply, Mapping[str, float]]]
    threshold: float


def attribute(
    cases: Iterable[Case], retrievals: Iterable[Retrieval], replies: Iterable[Reply], scores: Iterable[Scores], *, threshold: float = LOST
) -> tuple[Lost, ...]:
    """The cause of every lost question, arm by arm; failures have none. `threshold`: lost below this F1.

    An unanswerable question is lost when it was answered. `Lost.basis` names the arms whose replies decided; where oracle and
    shuffled were not run, the passages alone do, and "context ignored" rests on the words of the reply.
    """
    by_case, found_for = {case.id: case for case in cases}, {each.case: each for each in retrievals}
    values = {(each.case, each.arm): each.values for each in scores}
    asked: dict[str, dict[str, tuple[Reply, Mapping[str, float]]]] = {}
    for reply in replies:
        if reply.case in by_case and (reply.case, reply.arm) in values:
            asked.setdefault(reply.case, {})[reply.arm] = (reply, values[reply.case, reply.arm])
    lost = []
    for name, arms in asked.items():
        for reply, scored in arms.values():
            one = _Asked(by_case[name], reply, found_for.get(name), scored, arms, threshold)
            if is_lost(one.case, reply, scored, threshold=threshold):
                cause, basis = _cause(one)
                lost.append(Lost(name, reply.arm, cause, basis))
    return tuple(lost)


def is_lost(case: Case, reply: Reply, values: Mapping[str, float], *, threshold: float = LOST) -> bool:
    """Whether a reply counts as lost: too low an F1, or an answer where there is none."""
    return values["f1"] < threshold if case.pair.answerable else not reply.refused


def _cause(asked: _Asked) -> tuple[str, tuple[str, ...]]:
    case, reply = asked.case, asked.reply
    if not case.pair.answerable:
        return "missed refusal", ()
    if not reply.refused and _right_words(asked):
        return "format", ()
    corner = Corner.of(reply.arm)
    if corner.kind in CLOSED_BOOK or (corner.outside and not reply.passages):
        return "not known", ()
    if not holds_gold(case.pair, reply.passages):
        return ("dropped by the budget" if _dropped(asked) else "retrieval miss"), ()
    return ("wrong refusal", ()) if reply.refused else _unread(asked, corner)


def _right_words(asked: _Asked) -> bool:
    """An accepted answer stands in the reply, or nearly all the words of one that has several do, among others."""
    if asked.values["containment"] == 1:
        return True
    pair = asked.case.pair
    said = set(terms(without_markers(asked.reply.text), pair.language))
    accepted = [set(terms(answer, pair.language)) for answer in pair.answers]
    return any(len(words) > 1 and len(words & said) >= SAME * len(words) for words in accepted)


def _dropped(asked: _Asked) -> bool:
    """Whether retrieval found a gold document and packing left it out: only where the arm was given what retrieval found."""
    case, reply, retrieval = asked.case, asked.reply, asked.retrieval
    if retrieval is None or Corner.of(reply.arm).kind not in RETRIEVING or places(reply.passages) != places(retrieval.passages):
        return False
    packed = {passage.path for passage in reply.passages}
    gold = set(case.pair.docs) | {path for path, _ in case.pair.gold}
    return bool(gold & ({path for path, _ in retrieval.dropped} | (set(retrieval.ranked) - packed)))


def places(passages: Iterable[Passage]) -> set[tuple[str, int, int]]:
    return {(passage.path, passage.start, passage.end) for passage in passages}


def _unread(asked: _Asked, corner: Corner) -> tuple[str, tuple[str, ...]]:
    """The gold passage was there, and the reply is something else."""
    closed = ("lora", "zero-shot", "icl") if corner.adapter or corner.kind == "rag+lora" else ("zero-shot", "icl")
    told = [name for name in (*map(corner.named, closed), *closed) if name in asked.others and _same(asked, name)]
    if told:
        return "prior knowledge", (told[0],)
    shuffled, oracle = _diagnostic(asked, "shuffled"), _diagnostic(asked, "oracle")
    if shuffled and _same(asked, shuffled):
        return "context ignored", (shuffled,)
    if oracle and asked.others[oracle][1]["f1"] >= asked.threshold:
        return "context ignored", (oracle,)
    basis = tuple(name for name in (shuffled, oracle) if name)
    if not _from_passages(asked):
        return "context ignored", basis
    return "misread", basis


def _diagnostic(asked: _Asked, kind: str) -> str:
    """The diagnostic arm with the same weights, "" where it was not run: what other weights make of a passage proves nothing."""
    mine = _weights(asked.reply)
    named = (name for name, (reply, _) in asked.others.items() if Corner.of(name).kind == kind and _weights(reply) == mine)
    return next((name for name in named if name != asked.reply.arm), "")


def _weights(reply: Reply) -> tuple[str, str]:
    """Which weights answered: by the reply's identity, else as far as its arm's name tells."""
    if reply.identity.get("model"):
        return reply.identity["model"], reply.identity.get("adapter_sha256", "")
    corner = Corner.of(reply.arm)
    return "", corner.adapter or ("the only one" if corner.kind in ADAPTED else "")


def _same(asked: _Asked, arm: str) -> bool:
    other = asked.others[arm][0]
    if other.refused:
        return False
    language = asked.case.pair.language
    return token_f1(without_markers(other.text), [without_markers(asked.reply.text)], language) >= SAME


def _from_passages(asked: _Asked) -> bool:
    language = asked.case.pair.language
    said = set(terms(without_markers(asked.reply.text), language))
    return any(len(said & set(terms(each.text, language))) >= FROM_PASSAGES * len(said) for each in asked.reply.passages) if said else False
