"""What a recipe is, what it works with, which ones there are; several are joined by "+"."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from adapters.data.gold import GoldPassage
from adapters.data.passages import drawn_for
from adapters.data.report import Made, Report
from adapters.example import Example
from rag.context.prompt import Style, prompt_language
from rag.progress import Progress, silent
from rag.qa import Pair
from rag.registry import Part, Registry
from rag.settings import Train
from rag.types import Context, Document, Message, Source, content_id

Prompt = Callable[[Pair, Style, Sequence[Source]], tuple[Message, ...]]
"""The messages that are served for this question with these passages (none: the arm without retrieval)."""


@dataclass(frozen=True, slots=True)
class Material:
    """What examples are made of. `documents` and `retrieve` are called only by recipes that need them.

    `count`: tokens of a text by the generator's tokenizer. `gold_passage` None: what retrieval missed is left out.
    """

    settings: Train
    pairs: Sequence[Pair]
    prompt: Prompt
    retrieve: Callable[[Pair], Awaitable[Context]]
    documents: Callable[[], Iterable[Document]]
    count: Callable[[str], int]
    gold_passage: GoldPassage | None = None
    progress: Progress = silent


class Recipe(Protocol):
    """A way to make examples. No state; the same material gives the same examples, whatever the order of the pairs."""

    def make(self, material: Material, limit: int) -> Made:
        """At most `limit` examples."""


RECIPES: Registry[Recipe] = Registry(
    "recipe",
    {
        "context": Part("adapters.data.recipes.context:ContextRecipe"),
        "closed-book": Part("adapters.data.recipes.closed_book:ClosedBookRecipe"),
        "text": Part("adapters.data.recipes.text:TextRecipe"),
        "synthetic": Part("adapters.data.synthetic:SyntheticRecipe"),
    },
)
RETRIEVING = frozenset({"context", "synthetic"})
"""Recipes whose prompts hold retrieved passages."""


def make(material: Material) -> Made:
    """The examples of `settings.recipe`; its parts share `settings.examples` equally. Raises UserError for an unknown name."""
    names = list(dict.fromkeys(name.strip() for name in material.settings.recipe.split("+")))
    recipes = [RECIPES.load(name)() for name in names]
    examples: list[Example] = []
    report = Report()
    for number, recipe in enumerate(recipes):
        part = recipe.make(material, _portion(material.settings.examples, number, len(recipes)))
        examples += part.examples
        report = report + part.report
    return Made(tuple(examples), report)


def in_drawn_order(pairs: Iterable[Pair], seed: int, *, together: int = 1) -> list[Pair]:
    """An order that depends on the ids and the seed alone, so that any beginning of it is a fair sample.

    With `together` > 1 so many questions about the same documents are neighbours, and what is drawn are such groups.
    """
    drawn = sorted(pairs, key=lambda pair: content_id("order", str(seed), pair.id))
    if together == 1:
        return drawn
    seen: Counter[tuple[str, ...]] = Counter()
    places = {}
    for pair in drawn:
        group = tuple(sorted(pair.docs)) or (pair.id,)
        places[pair.id] = content_id("group", str(seed), *group, str(seen[group] // together))
        seen[group] += 1
    return sorted(drawn, key=lambda pair: places[pair.id])


def style_of(pair: Pair, settings: Train) -> Style:
    """The style of this pair's prompt; half and half for `both`."""
    if settings.style == "both":
        halves: tuple[Literal["short"], Literal["full"]] = ("short", "full")
        return drawn_for(pair, settings.seed, "style").choice(halves)
    return settings.style


def language_of(pair: Pair) -> str:
    return pair.language if pair.language != "und" else prompt_language(pair.question)


def _portion(whole: int, number: int, parts: int) -> int:
    return whole // parts + (number < whole % parts)
