"""Recipe `context`: questions with the passages that the live retriever finds (RAFT, Zhang et al. 2024).

Gold passages among hard negatives; a share of the examples has no gold passage, a share no answer at all: there the target
is the refusal. Questions that the same passages answer get the same ones, so that their prompt is computed once.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from adapters.data.gold import gold_of
from adapters.data.passages import drawn_for, mix, same_place, without_answer
from adapters.data.recipes.recipe import Material, in_drawn_order, language_of, style_of
from adapters.data.report import Made, made
from adapters.data.shares import Supply, allot
from adapters.data.target import refusal, target_of
from adapters.example import Example, Kind
from rag.context.prompt import Style, prompt_language
from rag.qa import Pair
from rag.types import Source, content_id

IN_FLIGHT = 4
"""Searches at once: enough that one embeds while another reads the index."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An example before it is worded. `nearest`: the passage that retrieval ranks first for the question."""

    pair: Pair
    kind: Kind
    style: Style
    target: str
    passages: tuple[Source, ...]
    nearest: Source


@dataclass(slots=True)
class _Drafts:
    """What each pair could become, by pair id."""

    gold: dict[str, Draft] = field(default_factory=dict)
    absent: dict[str, Draft] = field(default_factory=dict)
    unanswerable: dict[str, Draft] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)


class ContextRecipe:
    """Exchanging the order of the pairs changes nothing: each has random numbers of its own."""

    def make(self, material: Material, limit: int) -> Made:
        """Pairs are looked up in a drawn order, only as many as are needed. Raises what the retrieval raises."""
        return asyncio.run(_make(material, limit))


async def _make(material: Material, limit: int) -> Made:
    settings = material.settings
    ordered = in_drawn_order(material.pairs, settings.seed, together=settings.together)
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
    sharing = _sharing([taken[pair.id] for pair in ordered if pair.id in taken], material.settings.together)
    return made([(_example(draft, material), draft.style) for draft in sharing], skipped)


def _sharing(drafts: Sequence[Draft], most: int) -> list[Draft]:
    """The same examples in the same order, but where one's passages hold what others ask for, they get its passages and its style.

    At most `most` in all. An unanswerable question joins where the passage nearest to it is.
    """
    found: dict[str, Draft] = {}
    for leader in drafts:
        if leader.kind != "gold" or leader.pair.id in found:
            continue
        found[leader.pair.id] = leader
        room = most - 1
        paths = {source.path for source in leader.passages}
        for other in drafts if room else ():
            if room and other.pair.id not in found and (joined := _joining(other, leader, paths)) is not None:
                found[other.pair.id] = joined
                room -= 1
    return [found.get(draft.pair.id, draft) for draft in drafts]


def _joining(draft: Draft, leader: Draft, paths: set[str]) -> Draft | None:
    """The draft over the leader's passages; None when they do not fit it."""
    if draft.kind == "unanswerable":
        fits = any(same_place(source, draft.nearest) for source in leader.passages)
    else:
        fits = draft.kind == "gold" and not paths.isdisjoint(draft.pair.docs)
    if not fits or draft.pair.history or prompt_language(draft.pair.question) != prompt_language(leader.pair.question):
        return None
    changed = replace(draft, passages=leader.passages, style=leader.style)
    if draft.kind == "unanswerable":
        return changed
    gold = gold_of(draft.pair, leader.passages, None)
    target = target_of(draft.pair, gold, leader.style) if gold else ""
    return replace(changed, target=target) if target else None


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
    style = style_of(pair, material.settings)
    target = target_of(pair, placed, style)
    if not target:
        drafts.reasons[pair.id] = "the answer reads like a refusal"
        return
    drafts.gold[pair.id] = Draft(pair, "gold", style, target, tuple(numbered), passages[0])


def _refusing(pair: Pair, sources: Sequence[Source], kind: Kind, material: Material) -> Draft:
    """The best-ranked of `sources`, in a drawn number and order, and the refusal."""
    numbered = mix([], sources, most=material.settings.passages, rng=drawn_for(pair, material.settings.seed, kind))
    return Draft(pair, kind, style_of(pair, material.settings), refusal(pair.question), tuple(numbered), sources[0])


def _example(draft: Draft, material: Material) -> Example:
    pair = draft.pair
    name = content_id("context", pair.id, draft.kind, draft.style, *(source.text for source in draft.passages))
    messages = material.prompt(pair, draft.style, draft.passages)
    return Example(name, messages, draft.target, draft.kind, language_of(pair), pair.id, pair.docs)
