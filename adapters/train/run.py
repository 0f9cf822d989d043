"""The whole of a training: data, model, loop, card. It can be killed at any moment and goes on from its last checkpoint."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapters import canary, store
from adapters.train import request as requests
from adapters.train.alone import alone, interruptible
from adapters.train.arguments import rate_of, steps_of
from adapters.train.base_model import dtype_of, opened, tokenizer_of
from adapters.train.length import in_time
from adapters.train.material import Data, in_tokens
from adapters.train.plan import Plan
from adapters.train.record import best_validation, card_of, kept_curve
from adapters.train.validate import Judge
from rag.assistant import Assistant
from rag.context.prompt import template_hash
from rag.errors import UserError
from rag.progress import Progress, Tell, silent
from rag.settings import Settings

if TYPE_CHECKING:
    from adapters.card import Card

BEST = "best"


class Stopped(UserError):
    """The user asked to stop; the state is saved."""


def train(
    settings: Settings,
    planned: Plan,
    assistant: Assistant,
    judge: Judge,
    *,
    fresh: bool = False,
    tell: Tell,
    progress: Progress = silent,
) -> Card:
    """Train and store the adapter; returns its card. Goes on with an unfinished training of the same request.

    Raises Stopped after Ctrl-C, UserError for what the user can mend.
    """
    from adapters.train import memory

    with memory.of_training(), memory.explained():
        return _trained(settings, planned, assistant, judge, fresh=fresh, tell=tell, progress=progress)


def _trained(settings: Settings, planned: Plan, assistant: Assistant, judge: Judge, *, fresh: bool, tell: Tell, progress: Progress) -> Card:
    from adapters.train.trainer import Watch

    began = time.perf_counter()
    folder = requests.open_folder(settings.home, _request(settings, planned), fresh=fresh)
    with alone(folder), interruptible() as stopping:
        share = planned.method.shares_prompts
        data = in_tokens(settings, planned.prepared, assistant, tokenizer_of(planned), share=share, progress=progress)
        settings = in_time(settings, planned, data, folder, tell, progress)
        watch = Watch(planned.method, every=settings.train.checkpoint_seconds, tell=tell, progress=progress, stopping=stopping)
        trainer = _trainer(settings, planned, data, judge, folder, watch)
        _loop(trainer, folder, tell)
        if stopping():
            raise Stopped(
                f"Stopped at step {trainer.state.global_step} of {trainer.state.max_steps}; everything is saved.",
                "The same command goes on from there.",
            )
        card = _finish(settings, planned, trainer, folder, seconds=time.perf_counter() - began)
    shutil.rmtree(folder, ignore_errors=True)
    return card


def _request(settings: Settings, planned: Plan) -> requests.Request:
    values = {key: value for key, value in settings.train.model_dump(mode="json").items() if key not in requests.NEUTRAL}
    return requests.Request(
        name=planned.name,
        model=planned.base.name,
        revision=planned.base.revision,
        method=planned.method.name,
        options=planned.options.model_dump(mode="json"),
        settings={key: value for key, value in values.items() if key not in ("method", "options")}
        | {"learning_rate": rate_of(settings.train, planned.method)},  # another version may have another rate for the method
        data=planned.prepared.hash,
        template=template_hash(),
        dtype=dtype_of(settings, planned),
    )


def _trainer(settings: Settings, planned: Plan, data: Data, judge: Judge, folder: Path, watch: Any) -> Any:
    from transformers import PrinterCallback

    from adapters.train.arguments import arguments
    from adapters.train.batches import BunchDataset, collate
    from adapters.train.bunches import single
    from adapters.train.refusals import measures, offset_of
    from adapters.train.trainer import AdapterTrainer
    from adapters.train.validate import mean_loss, readings

    steps = steps_of(settings.train, len(data.rows), data.batch)
    model = opened(settings, planned, steps=steps)
    prepended = planned.method.prepended(model)
    rate = rate_of(settings.train, planned.method)

    def validate(trained: Any) -> dict[str, float]:
        said = readings(trained, data.tokenizer, data.questions, judge.score, progress=watch.progress)
        offset = offset_of(said, over_refusal=settings.train.over_refusal)
        judge.noted({reading.pair: reading.worth(offset) for reading in said})
        return {"loss": mean_loss(trained, data.held, prepended=prepended), **measures(said, offset)}

    trainer = AdapterTrainer(
        method=planned.method,
        validate=validate,
        keep_best=lambda: _keep_best(model, folder),
        patience=settings.train.patience,
        model=model,
        args=arguments(settings.train, folder, steps=steps, batch=data.batch, rate=rate, mixed=dtype_of(settings, planned) == "bfloat16"),
        data_collator=collate,
        train_dataset=BunchDataset(data.rows),
        eval_dataset=BunchDataset([single(each) for each in data.held]),
        callbacks=[watch],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _keep_best(model: Any, folder: Path) -> None:
    """Replace <folder>/best by the model as it is now: first beside it, so that one of the two is always whole."""
    from safetensors.torch import save_file

    from adapters.train.trainer import TRAINED, trained

    best = folder / BEST
    best.mkdir(exist_ok=True)
    save_file(trained(model), best / f".{TRAINED}")
    (best / f".{TRAINED}").replace(best / TRAINED)


def _loop(trainer: Any, folder: Path, tell: Tell) -> None:
    from adapters.train.fused import fused
    from adapters.train.trainer import latest_checkpoint

    found = latest_checkpoint(folder / "checkpoints")
    if found is not None:
        tell(f"Going on from step {found.name.rpartition('-')[2]} ({found.name}).")
    with fused(trainer.model) as count:
        if count:
            tell(f"{count} layers compute their low-rank update in place.")
        trainer.train(resume_from_checkpoint=str(found) if found is not None else None)


def _finish(settings: Settings, planned: Plan, trainer: Any, folder: Path, *, seconds: float) -> Card:
    """The best parameters, in the base's dtype, into the store, with their card."""
    import torch

    from adapters.train.refusals import bias_of
    from adapters.train.trainer import restore

    model, best = trainer.model, best_validation(trainer.state.log_history)
    if (folder / BEST).is_dir():
        restore(model, folder / BEST)
    _cast(model, torch.bfloat16)
    with store.written(planned.name, settings.home) as place:
        planned.method.save(model, place)
        card = card_of(
            settings,
            planned,
            curve=kept_curve(trainer.state.log_history),
            validation=best,
            weights=store.weights_sha256(place),
            seconds=seconds,
            model=model,
        )
        more: dict[str, Any] = {"bias": bias_of(best.get("offset", 0.0), tokenizer_of(planned))}
        if planned.proof:
            _cast(model, getattr(torch, dtype_of(settings, planned)))  # beside a base in float32
            more["canary"] = canary.of_trained(model, planned.method, tokenizer_of(planned))
        card = card.model_copy(update=more)
        card.write(place)
    return card


def _cast(model: Any, dtype: Any) -> None:
    """What was trained, in that precision."""
    for value in model.parameters():
        if value.requires_grad:
            value.data = value.data.to(dtype)
