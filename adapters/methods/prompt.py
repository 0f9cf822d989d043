"""Prompt tuning: trained embeddings before the input (Lester et al. 2021, arXiv 2104.08691)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from adapters.method import Model
from adapters.methods.peft_method import ADAPTER
from adapters.methods.virtual_tokens import VirtualTokenOptions, VirtualTokens
from rag.errors import ModelError


class PromptOptions(VirtualTokenOptions):
    start: Literal["vocabulary", "text", "random"] = Field(
        "vocabulary", description="Fresh tokens: embeddings of random words, of the words of `text`, or random numbers (the worst start)."
    )
    text: str = Field(
        "Answer the question from the passages above, in a few words, and say so when they do not hold the answer.",
        description="start text: its words, repeated or cut to `tokens`; the tokenizer of the base model's folder reads it.",
    )


class Prompt(VirtualTokens):
    """(tokens, hidden size) embeddings; the smallest adapter of all."""

    name = "prompt"
    title = "Prompt tuning"
    Options = PromptOptions
    learning_rate = 3e-2
    note = "In-process only. A fresh prompt is not the base: the virtual tokens are read like words before the input."
    kind = "PROMPT_TUNING"

    def config(self, model: Model, options: Any) -> Any:
        from peft import PromptTuningConfig, PromptTuningInit

        name = str(getattr(model, "name_or_path", "") or "")
        if options.start == "text" and not (name and options.text.strip()):
            raise ModelError(
                "Prompt tuning from a text needs a text, and the folder of the base model with its tokenizer.", "Set start to vocabulary."
            )
        kinds = {"vocabulary": PromptTuningInit.SAMPLE_VOCAB, "text": PromptTuningInit.TEXT, "random": PromptTuningInit.RANDOM}
        words = {"prompt_tuning_init_text": options.text, "tokenizer_name_or_path": name} if options.start == "text" else {}
        return PromptTuningConfig(
            num_virtual_tokens=options.tokens, prompt_tuning_init=kinds[options.start], task_type="CAUSAL_LM", **words
        )

    def attach(self, model: Model, options: Any) -> Model:
        from peft import PromptTuningInit

        wrapped = super().attach(model, options)
        config = wrapped.peft_config[ADAPTER]
        config.prompt_tuning_init = PromptTuningInit.RANDOM  # the start is over; who loads it needs no tokenizer
        config.tokenizer_name_or_path = None
        return wrapped

    def prepended(self, model: Model) -> int:
        return int(model.peft_config[ADAPTER].num_virtual_tokens)
