"""What a training learns from and is validated on, in tokens: examples, and held-back questions with the prompts that serving sends."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from adapters.data.build import Prepared
from adapters.data.recipes.recipe import RETRIEVING
from adapters.data.target import refusal
from adapters.data.tokens import Encoded, encode_all, end_of_turn, prompt_ids
from adapters.example import Example
from adapters.train.bunches import Bunch, bunched, single
from adapters.train.validate import Question
from rag.assistant import Assistant
from rag.errors import UserError
from rag.progress import Progress, silent
from rag.qa import Pair
from rag.settings import Settings
from rag.types import Message

Each = TypeVar("Each")
IN_FLIGHT = 4
MOST_FOR_LOSS = 48
"""Held-back questions whose loss is taken, at most: it is steadier than the score of answers, and each costs a prompt more."""


@dataclass(frozen=True, slots=True)
class Data:
    """What the loop learns from and is validated on, in tokens; `batch` rows are one step."""

    tokenizer: Any
    rows: list[Bunch]
    questions: list[Question]
    held: list[Encoded]
    batch: int


def in_tokens(settings: Settings, prepared: Prepared, assistant: Assistant, tokenizer: Any, *, share: bool, progress: Progress) -> Data:
    """Everything in tokens: the examples, and the held-back questions with and without their answers. `share`: see `training_rows`."""
    rows = training_rows(settings, prepared.train, tokenizer, share=share, progress=progress)
    questions = held_back_questions(settings, prepared.validation, assistant, tokenizer, progress)
    some = _spread(questions, MOST_FOR_LOSS)
    held = [Encoded((*question.prompt, *_answer_ids(question.pair, tokenizer)), len(question.prompt)) for question in some]
    return Data(tokenizer, rows, questions, held, batch_size(settings, rows))


def training_rows(settings: Settings, examples: Sequence[Example], tokenizer: Any, *, share: bool, progress: Progress) -> list[Bunch]:
    """The examples in tokens; with `share` those about the same passages are one row. Raises UserError when all are too long."""
    cache = settings.home / "cache"
    made = encode_all(examples, tokenizer, longest=settings.serve.max_model_len, cache=cache, progress=progress)
    if not made.encoded:
        raise UserError(
            f"Every training example is longer than serve.max_model_len ({settings.serve.max_model_len} tokens).",
            "Raise it, or lower train.passages.",
        )
    if not share:
        return [single(each) for each in made.encoded]
    return bunched(made.encoded, longest=min(settings.train.batch_tokens, settings.serve.max_model_len), most=settings.train.together)


def batch_size(settings: Settings, rows: Sequence[Bunch]) -> int:
    """Rows in a step, so that a step of middle length has about train.batch_tokens tokens."""
    lengths = sorted(len(each) for each in rows)
    return max(1, min(len(rows), settings.train.batch_tokens // lengths[len(lengths) // 2]))


def held_back_questions(
    settings: Settings, pairs: Sequence[Pair], assistant: Assistant, tokenizer: Any, progress: Progress = silent
) -> list[Question]:
    """At most train.validation_pairs of the pairs, spread evenly, with the prompt that serving would send."""
    chosen = _spread(pairs, settings.train.validation_pairs)
    prompts = serving_prompts(settings, chosen, assistant, progress)
    return [Question(pair, tuple(prompt_ids(messages, tokenizer))) for pair, messages in zip(chosen, prompts, strict=True)]


def _spread(given: Sequence[Each], limit: int) -> list[Each]:
    """At most so many of them, evenly."""
    return [given[number * len(given) // limit] for number in range(limit)] if len(given) > limit else list(given)


def _answer_ids(pair: Pair, tokenizer: Any) -> list[int]:
    text = pair.answers[0] if pair.answers else refusal(pair.question)
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return [*ids, end_of_turn(tokenizer)]


def serving_prompts(settings: Settings, pairs: Sequence[Pair], assistant: Assistant, progress: Progress = silent) -> list[list[Message]]:
    """One prompt a pair, over retrieved passages when the recipe trains with passages; style "both": full and short in turn."""
    return asyncio.run(_prompts(settings, pairs, assistant, progress))


async def _prompts(settings: Settings, pairs: Sequence[Pair], assistant: Assistant, progress: Progress) -> list[list[Message]]:
    gate, done = asyncio.Semaphore(IN_FLIGHT), 0
    retrieves = not RETRIEVING.isdisjoint(settings.train.recipe.split("+"))
    style = "short" if settings.train.style == "both" else settings.train.style
    speaking = Assistant(settings.model_copy(update={"context": settings.context.model_copy(update={"style": style})}), assistant.generator)

    async def prompt(pair: Pair) -> list[Message]:
        nonlocal done
        async with gate:
            context = await assistant.retrieve(pair.question, pair.history) if retrieves else None
            messages = speaking.prompt(pair.question, "rag" if retrieves else "lora", pair.history, context=context)
            done += 1
            progress("held-back questions", done, len(pairs))
            return messages

    return list(await asyncio.gather(*(prompt(pair) for pair in pairs)))
