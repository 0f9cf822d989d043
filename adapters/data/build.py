"""The training data of one run: split, checked for leakage, made by the recipes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from adapters.data.gold import IndexedGold
from adapters.data.leakage import Leakage, check, drop, leakage
from adapters.data.recipes.recipe import RETRIEVING, Material, Prompt, make
from adapters.data.report import Report
from adapters.data.split import near_pages, split
from adapters.example import Example
from rag.assistant import Assistant
from rag.context.prompt import Style, template_hash
from rag.embed.embedder import open_embedder
from rag.errors import InputError, SettingsError
from rag.progress import Progress, silent
from rag.qa import Pair
from rag.settings import Settings
from rag.types import Context, Document, Message, Source, content_id

STYLES: tuple[Style, ...] = ("short", "full")


@dataclass(frozen=True, slots=True)
class DataReport:
    """How the data came about. `leakage`: against the pairs held back by the caller; `alike`: validation pairs left out because a
    training question is nearly the same; `works`: how many works (as `adapters.data.split` groups documents) the others ask about;
    `index_version`: what the passages were retrieved from, "" without retrieval."""

    examples: Report
    train_pairs: int
    validation_pairs: int
    alike: int
    works: int
    leakage: Leakage
    index_version: str
    template: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """`train` examples, `validation` pairs to answer, and the hash of both (16 hex digits)."""

    train: list[Example]
    validation: list[Pair]
    report: DataReport
    hash: str


def prepare(
    settings: Settings, pairs: Sequence[Pair], assistant: Assistant, *, held_back: Sequence[Pair] = (), progress: Progress = silent
) -> Prepared:
    """The data that `settings.train` asks for. Call it outside an event loop: it runs the assistant's retrieval in one.

    `held_back`: pairs that will be tested on; what training shares with them stops the run, is dropped or allowed as
    `train.leakage` says. Validation pairs that are nearly a training question are left out of the validation: they would
    choose the wrong checkpoint. Raises UserError, InputError, SettingsError, and what the index and the embedder raise.
    """
    _check_settings(settings)
    train = settings.train
    recipes = {name.strip() for name in train.recipe.split("+")}
    embedder = assistant.retriever.embedder if RETRIEVING & recipes else open_embedder(settings, progress=progress)
    against = leakage(pairs, held_back, embedder.embed_queries if held_back else None)
    usable = check(pairs, against, train.leakage)
    parts = split(usable, train.validation, train.seed, near=near_pages(_files(train.qa)))
    alike = leakage(parts.validation, parts.train, embedder.embed_queries)
    validation = drop(parts.validation, alike)
    if not validation:
        raise InputError(
            f"All {len(parts.validation)} validation questions are nearly the same as training questions.",
            "Take the repeated questions out, or raise train.validation.",
        )
    made = make(_material(settings, parts.train, assistant, recipes, progress))
    if not made.examples:
        reasons = "; ".join(f"{count}: {reason}" for reason, count in made.report.skipped.items())
        raise InputError(f"None of {len(parts.train)} QA pairs gave a training example ({reasons or 'no pairs'}).", "Add answerable pairs.")
    version = assistant.retriever.live.current().version if RETRIEVING & recipes else ""
    left_out = len(parts.validation) - len(validation)
    report = DataReport(made.report, len(parts.train), len(validation), left_out, parts.works, against, version, template_hash())
    return Prepared(list(made.examples), validation, report, data_hash(made.examples, validation))


def data_hash(train: Sequence[Example], validation: Sequence[Pair]) -> str:
    """16 hex digits over every word of both, whatever the order of the validation pairs."""
    held = sorted(repr(sorted(asdict(pair).items())) for pair in validation)
    return content_id(*(repr(sorted(asdict(example).items())) for example in train), "validation", *held)


def serving_prompt(assistant: Assistant) -> Prompt:
    """The messages as the assistant itself sends them, in either style: `rag` over passages, `lora` without."""
    settings = assistant.settings
    speaking = {
        style: Assistant(settings.model_copy(update={"context": settings.context.model_copy(update={"style": style})}), assistant.generator)
        for style in STYLES
    }

    def prompt(pair: Pair, style: Style, sources: Sequence[Source]) -> tuple[Message, ...]:
        context = Context(pair.question, pair.question, tuple(sources)) if sources else None
        return tuple(speaking[style].prompt(pair.question, "rag" if sources else "lora", pair.history, context=context))

    return prompt


def _material(settings: Settings, pairs: Sequence[Pair], assistant: Assistant, recipes: set[str], progress: Progress) -> Material:
    async def retrieve(pair: Pair) -> Context:
        return await assistant.retrieve(pair.question, pair.history)

    def documents() -> Iterable[Document]:
        return assistant.retriever.live.current().documents()

    count = assistant.generator.count_tokens
    gold = None
    if RETRIEVING & recipes:
        gold = IndexedGold(assistant.retriever.live.current(), budget=settings.context.budget_tokens, count=count)
    return Material(settings.train, pairs, serving_prompt(assistant), retrieve, documents, count, gold, progress)


def _files(names: Iterable[str]) -> list[Path]:
    return [path for path in map(Path, names) if path.is_file()]


def _check_settings(settings: Settings) -> None:
    train = settings.train
    if train.unanswerable + train.absent >= 1:
        raise SettingsError(
            [
                f"train.unanswerable ({train.unanswerable}) and train.absent ({train.absent}) leave no example with an answer. "
                "Lower one: together they must be below 1."
            ]
        )
    if train.passages > settings.context.max_sources:
        raise SettingsError(
            [
                f"train.passages ({train.passages}) is more than retrieval gives (context.max_sources, {settings.context.max_sources}). "
                "Lower the one or raise the other."
            ]
        )
