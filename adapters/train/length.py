"""How long a training may take: measured on its own data and, where train.minutes is too little for all of it, cut to what fits."""

from __future__ import annotations

from pathlib import Path

from adapters.train import request as requests
from adapters.train.arguments import steps_of
from adapters.train.base_model import opened, tokenizer_of
from adapters.train.estimate import Estimate
from adapters.train.material import Data, in_tokens
from adapters.train.plan import Plan
from rag.assistant import Assistant
from rag.progress import Progress, Tell, silent
from rag.settings import Settings, Train


def in_time(settings: Settings, planned: Plan, data: Data, folder: Path, tell: Tell, progress: Progress) -> Settings:
    """The settings with as many epochs as train.minutes leaves on this machine; a training that goes on keeps what it began with."""
    from adapters.train.estimate import surely_short
    from adapters.train.memory import release
    from rag.models.precision import bytes_in_bfloat16

    length = requests.length_of(folder)
    if length is None:
        train = settings.train
        if not surely_short(train, data, bytes_in_bfloat16(planned.base.path) // 2):
            progress("measuring the speed", 0, 1)
            found, train = measured(settings, planned, data)
            release()  # the model that was measured, before the one that learns
            progress("measuring the speed", 1, 1)
            if found.steps < found.whole_steps:
                tell(cut_short(found, settings.train.minutes))
        length = requests.keep_length(folder, epochs=train.epochs, validations=train.validations)
    return settings.model_copy(update={"train": settings.train.model_copy(update=length)})


def estimated(settings: Settings, planned: Plan, assistant: Assistant, *, progress: Progress = silent) -> Estimate:
    """Time and memory, from a few real steps. Nothing is kept."""
    from adapters.train import memory

    with memory.of_training(), memory.explained():
        share = planned.method.shares_prompts
        data = in_tokens(settings, planned.prepared, assistant, tokenizer_of(planned), share=share, progress=progress)
        return measured(settings, planned, data)[0]


def measured(settings: Settings, planned: Plan, data: Data) -> tuple[Estimate, Train]:
    """What a few real steps and answers promise, and `settings.train` with what train.minutes leaves."""
    from adapters.train.estimate import estimate
    from adapters.train.fused import fused

    model = opened(settings, planned, steps=steps_of(settings.train, len(data.rows), data.batch))
    with fused(model):
        return estimate(model, planned.method, data, settings.train)


def cut_short(found: Estimate, minutes: float) -> str:
    """What train.minutes leaves, for a person."""
    return (
        f"All {found.whole_steps:,} steps would take about {found.whole_seconds / 60:.0f} minutes on this machine; train.minutes = "
        f"{minutes:g} leaves {found.steps:,} of them. For all: --set train.minutes=0"
    )
