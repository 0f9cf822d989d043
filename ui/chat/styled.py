"""The assistant with another prompt style or answer length, sharing everything that is loaded."""

from __future__ import annotations

from rag.assistant import Assistant
from rag.context.examples import Examples
from rag.retrieve.retriever import Retriever
from ui.chat.turn import How


class Styled(Assistant):
    """Answers as `whole` does, but for its settings of style and length; index, examples and generator are those of `whole`."""

    def __init__(self, whole: Assistant, how: How) -> None:
        super().__init__(whole.settings, whole.generator)
        self._whole, self.routes = whole, whole.routes
        style = how.style or whole.settings.context.style
        length = how.decoding.max_tokens if how.decoding else whole.settings.generate.max_tokens
        self.settings = whole.settings.model_copy(
            update={
                "context": whole.settings.context.model_copy(update={"style": style}),
                "generate": whole.settings.generate.model_copy(update={"max_tokens": length}),
            }
        )

    @property
    def retriever(self) -> Retriever:
        return self._whole.retriever

    @property
    def examples(self) -> Examples:
        return self._whole.examples


def styled(whole: Assistant, how: How) -> Assistant:
    """`whole` itself where nothing differs."""
    same_style = how.style in (None, whole.settings.context.style)
    same_length = how.decoding is None or how.decoding.max_tokens == whole.settings.generate.max_tokens
    return whole if same_style and same_length else Styled(whole, how)
