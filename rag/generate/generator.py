"""What a generator is, which ones there are, and how the settings choose one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, Self

from rag.progress import Progress, silent
from rag.registry import Part, Registry
from rag.types import Decoding, Message

if TYPE_CHECKING:
    from rag.settings import Settings


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one answer, counted by the model's own tokenizer. `finish`: "length" when max_tokens cut it off.

    `adapter_sha256`: of the adapter's weights that made the answer, where the generator knows it (see `rag.generate.routed`).
    `forbidden`: what could not be drawn, where that was not asked for from the beginning (see `rag.generate.in_words`).
    """

    prompt_tokens: int
    answer_tokens: int
    finish: Literal["stop", "length"]
    adapter_sha256: str | None = None
    forbidden: tuple[str, ...] = ()


class Generator(Protocol):
    """Streams an answer to a list of messages. `model` is the id for provenance."""

    model: str

    @classmethod
    def open(cls, settings: Settings, *, progress: Progress = silent) -> Self:
        """Check the settings, but load no weights and reach no server. Raises ModelError or ServerError."""

    def stream(self, messages: Sequence[Message], decoding: Decoding, *, adapter: str | None = None) -> AsyncGenerator[str | Usage, None]:
        """Pieces of text, none empty, then exactly one Usage, last. `adapter`: a served name, None for the base weights.

        Closing the iterator, or cancelling the task that reads it, frees the model at once. Raises ServerError or ModelError.
        """

    def count_tokens(self, text: str) -> int:
        """By the generator's own tokenizer, special tokens not included."""

    async def ready(self) -> str:
        """Empty when it can answer now, else one line that says what it waits for, or what to do."""

    async def close(self) -> None:
        """Free what it holds. It can be used again afterwards."""


GENERATORS: Registry[Generator] = Registry(
    "generator",
    {
        "vllm": Part("rag.generate.openai:OpenAIGenerator"),
        "openai": Part("rag.generate.openai:OpenAIGenerator"),
        "transformers": Part("rag.generate.local:LocalGenerator"),
        "scripted": Part("rag.generate.scripted:ScriptedGenerator"),
    },
)


def open_generator(settings: Settings, *, progress: Progress = silent) -> Generator:
    """The generator that `settings.generate` names. Raises UserError when it cannot be used."""
    return GENERATORS.load(settings.generate.backend).open(settings, progress=progress)
