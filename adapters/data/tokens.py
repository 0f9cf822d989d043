"""Examples as token ids, by the model's own chat template: the prompt exactly as it is served, the answer as generation ends it."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adapters.example import Example
from rag.errors import ModelError
from rag.progress import Progress, silent
from rag.types import Message, content_id

Tokenizer = Any
"""A transformers tokenizer with a chat template."""
LAYOUT = "1"
"""Part of the cache's key: raise it when `encode` changes."""
OFTEN = 20


@dataclass(frozen=True, slots=True)
class Encoded:
    """`ids` is the prompt, the answer and the end-of-turn token; the answer starts at `answer_start` (0: every token is learned)."""

    ids: tuple[int, ...]
    answer_start: int


@dataclass(frozen=True, slots=True)
class Tokenised:
    """`encoded[i]` belongs to the example with number `kept[i]`; `too_long` examples were left out."""

    encoded: tuple[Encoded, ...]
    kept: tuple[int, ...]
    too_long: int

    @property
    def tokens(self) -> int:
        return sum(len(each.ids) for each in self.encoded)


def encode(example: Example, tokenizer: Tokenizer) -> Encoded:
    """The ids of one example. Raises ModelError when the tokenizer has no chat template or no end of turn."""
    if not example.messages:
        return Encoded(tuple(tokenizer(example.target)["input_ids"]), 0)
    prompt = prompt_ids(example.messages, tokenizer)
    answer = tokenizer(example.target, add_special_tokens=False)["input_ids"]
    return Encoded((*prompt, *answer, end_of_turn(tokenizer)), len(prompt))


def prompt_ids(messages: Sequence[Message], tokenizer: Tokenizer) -> list[int]:
    """What the model sees before its answer: the same call as `rag.generate.local` makes, and as a model server makes."""
    if not tokenizer.chat_template:
        raise ModelError("The model has no chat template.", "Take an instruction-tuned model.")
    spoken = [{"role": message.role, "content": message.content} for message in messages]
    ids: list[int] = tokenizer.apply_chat_template(spoken, add_generation_prompt=True, return_dict=False)
    return ids


def end_of_turn(tokenizer: Tokenizer) -> int:
    """The token that ends an answer, as the chat template writes it behind one; else the tokenizer's own end."""
    spoken = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "@b@"}]
    rest = str(tokenizer.apply_chat_template(spoken, tokenize=False)).rpartition("@b@")[2]
    ids: list[int] = tokenizer(rest, add_special_tokens=False)["input_ids"] if rest.strip() else []
    specials = set(tokenizer.all_special_ids)
    end = next((number for number in ids if number in specials), tokenizer.eos_token_id)
    if end is None:
        raise ModelError("The model's chat template has no token that ends an answer.", "Take an instruction-tuned model.")
    return int(end)


def encode_all(
    examples: Sequence[Example], tokenizer: Tokenizer, *, longest: int, cache: Path | None = None, progress: Progress = silent
) -> Tokenised:
    """All examples of at most `longest` tokens. Kept in `cache` (a folder) under the hash of the examples and the tokenizer."""
    file = cache / f"tokens-{_key(examples, tokenizer)}.npz" if cache else None
    encoded = _read(file) if file and file.is_file() else None
    if encoded is None:
        encoded = []
        for number, example in enumerate(examples, start=1):
            encoded.append(encode(example, tokenizer))
            if number % OFTEN == 0 or number == len(examples):
                progress("tokenising", number, len(examples))
        if file:
            _write(encoded, file)
    kept = tuple(number for number, each in enumerate(encoded) if len(each.ids) <= longest)
    return Tokenised(tuple(encoded[number] for number in kept), kept, len(encoded) - len(kept))


def _key(examples: Sequence[Example], tokenizer: Tokenizer) -> str:
    vocabulary = content_id(tokenizer.backend_tokenizer.to_str(), str(tokenizer.chat_template))
    words = [part for example in examples for part in (*(f"{m.role}\n{m.content}" for m in example.messages), example.target, "")]
    return content_id(LAYOUT, vocabulary, *words)


def _write(encoded: Sequence[Encoded], file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{file.stem}.{os.getpid()}.unfinished.npz")
    np.savez(
        beside,
        ids=np.array([number for each in encoded for number in each.ids], dtype=np.int32),
        lengths=np.array([len(each.ids) for each in encoded], dtype=np.int64),
        starts=np.array([each.answer_start for each in encoded], dtype=np.int64),
    )
    beside.replace(file)


def _read(file: Path) -> list[Encoded] | None:
    """None for a damaged file: it is only a cache."""
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as arrays:
            ids, lengths, starts = arrays["ids"].tolist(), arrays["lengths"].tolist(), arrays["starts"].tolist()
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    ends = np.cumsum([0, *lengths]).tolist()
    return [Encoded(tuple(ids[ends[row] : ends[row + 1]]), start) for row, start in enumerate(starts)]
