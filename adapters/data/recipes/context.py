"""Recipe `context`: questions with the passages that the live retriever finds (RAFT, Zhang et al. 2024).

Gold passages among hard negatives; a share of the examples has no gold passage, a share no answer at all: there the target
is the refusal.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from adapters.data.gold import gold_of
from adapters.data.passages import drawn_for, mix, same_place, without_answer
from adapters.data.recipes.recipe import Material, in_drawn_order, language_of, style_of
from adapters.data.report import Made, made
from adapters.data.shares import Supply, allot
from adapters.data.target import refusal, target_of
from adapters.example import Example, Kind
from rag.qa import Pair
from rag.types import Source, content_id

IN_FLIGHT = 4
"""Searches at once: enough that one embeds while another reads the index."""

Row = tuple[Example, str]
"""An example and its style."""


@dataclass(slots=True)
class _Drafts:
    """What each pair could become, by pair id."""

    gold: dict[str, Row] = field(default_factory=dict)
    absent: dict[str, Row] = field(default_factory=dict)
    unanswerable: dict[str, Row] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)


class ContextRecipe:
    """Exchanging the order of the pairs changes nothing: each has random numbers of its own."""

    def make(self, material: Material, limit: int) -> Made:
        """Pairs are looked up in a drawn order, only as many as are needed. Raises what the retrieval raises."""
        return asyncio.run(_make(material, limit))


async def _make(material: Material, limit: int) -> Made:
    settings = material.settings
    ordered = in_drawn_order(material.pairs, settings.seed)
    drafts = _Drafts()
    nowhere = [pair for pair in ordered if not pair.answerable][: int(settings.unanswerable * limit)]
    await _draft(nowhere, material, drafts)
    waiting = [pair for pair in ordered if pair.answerable]
    spare = int(settings.absent * limit)
    while waiting:
        lacking = limit - len(drafts.unanswerable) - len(drafts.gold) - min(spare, len(drafts.absent.keys() - drafts.gold.keys()))
        if lacking <= 0:
            break
        await _draft(waiting[:lacking], material, drafts)
        del waiting[:lacking]
    return _chosen(drafts, ordered, material, limit)


def _chosen(drafts: _Drafts, ordered: Sequence[Pair], material: Material, limit: int) -> Made:
    """The settings' shares of what there is, in the drawn order."""
    only = [pair.id for pair in ordered if pair.id in drafts.absent and pair.id not in drafts.gold]
    either = sorted(drafts.absent.keys() & drafts.gold.keys(), key=lambda name: content_id("absent", str(material.settings.seed), name))
    supply = Supply(len(drafts.gold), len(either), len(only), len(drafts.unanswerable))
    counts = allot(supply, limit, absent=material.settings.absent, unanswerable=material.settings.unanswerable)
    absent = [*only, *either][: counts.absent]
    taken = {name: drafts.absent[name] for name in absent}
    left = [pair.id for pair in ordered if pair.id in drafts.gold and pair.id not in taken]
    taken |= {name: drafts.gold[name] for name in left[: counts.gold]}
    nowhere = [pair.id for pair in ordered if pair.id in drafts.unanswerable]
    taken |= {name: drafts.unanswerable[name] for name in nowhere[: counts.unanswerable]}
    skipped = Counter(reason for name, reason in drafts.reasons.items() if name not in taken)
    return made([taken[pair.id] for pair in ordered if pair.id in taken], skipped)


async def _draft(pairs: Sequence[Pair], material: Material, drafts: _Drafts) -> None:
    """Look the pairs up, IN_FLIGHT at once, and note what each could become."""
    gate = asyncio.Semaphore(IN_FLIGHT)
    done = 0

    async def look_up(pair: Pair) -> Sequence[Source]:
        nonlocal done
        async with gate:
            context = await material.retrieve(pair)
        done += 1
        material.progress("retrieving for training", done, len(pairs))
        return context.sources

    for pair, retrieved in zip(pairs, await asyncio.gather(*(look_up(pair) for pair in pairs)), strict=True):
        if pair.answerable:
            _answerable(pair, retrieved, material, drafts)
        elif retrieved:
            drafts.unanswerable[pair.id] = _refusing(pair, retrieved, "unanswerable", material)
        else:
            drafts.reasons[pair.id] = "retrieval found nothing"


def _answerable(pair: Pair, retrieved: Sequence[Source], material: Material, drafts: _Drafts) -> None:
    if negatives := without_answer(pair, retrieved):
        drafts.absent[pair.id] = _refusing(pair, negatives, "absent", material)
    gold = gold_of(pair, retrieved, material.gold_passage)
    if gold is None:
        drafts.reasons[pair.id] = "no passage holds the answer"
        return
    passages = list({(source.document_id, source.start, source.end): source for source in gold.values()}.values())
    if len(passages) > material.settings.passages:
        drafts.reasons[pair.id] = f"needs more than {material.settings.passages} passages (train.passages)"
        return
    numbered = mix(passages, retrieved, most=material.settings.passages, rng=drawn_for(pair, material.settings.seed, "gold"))
    placed = {need: next(each for each in numbered if same_place(each, source)) for need, source in gold.items()}
    target = target_of(pair, placed, style_of(pair, material.settings))
    if not target:
        drafts.reasons[pair.id] = "the answer reads like a refusal"
        return
    drafts.gold[pair.id] = _row(pair, "gold", target, numbered, material)


def _refusing(pair: Pair, sources: Sequence[Source], kind: Kind, material: Material) -> Row:
    """The best-ranked of `sources`, in a drawn number and order, and the refusal."""
    numbered = mix([], sources, most=material.settings.passages, rng=drawn_for(pair, material.settings.seed, kind))
    return _row(pair, kind, refusal(pair.question), numbered, material)


def _row(pair: Pair, kind: Kind, target: str, numbered: Sequence[Source], material: Material) -> Row:
    style = style_of(pair, material.settings)
    name = content_id("context", pair.id, kind, style, *(source.text for source in numbered))
    messages = material.prompt(pair, style, numbered)
    return Example(name, messages, target, kind, language_of(pair), pair.id, pair.docs), style
