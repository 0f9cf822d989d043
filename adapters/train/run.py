"""The whole of a training: data, model, loop, card. It can be killed at any moment and goes on from its last checkpoint."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from adapters import canary, store
from adapters.data.build import Prepared
from adapters.gate import Decision, decide, rank_of
from adapters.method import METHODS, Method, Options, Route, read_options
from adapters.train import request as requests
from adapters.train.alone import alone, interruptible
from adapters.train.arguments import rate_of, steps_of
from adapters.train.estimate import Estimate
from adapters.train.material import Data, in_tokens
from adapters.train.record import best_validation, card_of, kept_curve
from adapters.train.validate import Judge
from rag.assistant import Assistant
from rag.context.prompt import template_hash
from rag.errors import UserError
from rag.models.folder import ModelFolder, resolve
from rag.progress import Progress, silent
from rag.settings import Settings, Train

if TYPE_CHECKING:
    from adapters.card import Card

Tell = Callable[[str], None]
BEST = "best"
ROOM = 12
"""So many times the size of the base in bfloat16 must be free for a training in float32, its activations included."""
TIGHT = 6
"""The same where bfloat16 is emulated: an eighth of the speed is too high a price for half of the memory."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is decided before a weight is loaded.

    `proof`: the card will say what base and adapter answer to the canary prompts, so that loading it need not find out.
    """

    name: str
    method: Method
    options: Options
    base: ModelFolder
    routes: tuple[Route, ...]
    decision: Decision
    prepared: Prepared
    proof: bool = True


class Stopped(UserError):
    """The user asked to stop; the state is saved."""


def check(settings: Settings, name: str) -> tuple[Method, Options]:
    """The method and its options, before anything that takes long. Raises UserError: the name, the method or an option is wrong."""
    store.check_name(name)
    method = METHODS.load(settings.train.method)()
    return method, read_options(method, settings.train.options)


def plan(settings: Settings, prepared: Prepared, *, name: str, progress: Progress = silent) -> Plan:
    """Check the request: see `check`; and the base, and how the result will be served. Raises UserError."""
    method, options = check(settings, name)
    base = resolve(settings.generate.model, settings, progress=progress)
    routes = _routes(method, options, base)
    decision = decide(routes, settings, rank=rank_of(options.model_dump()), name=method.title)
    return Plan(name, method, options, base, routes, decision, prepared)


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
        data = in_tokens(settings, planned.prepared, assistant, _tokenizer(planned), share=share, progress=progress)
        settings = _in_time(settings, planned, data, folder, tell, progress)
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


def estimated(settings: Settings, planned: Plan, assistant: Assistant, *, progress: Progress = silent) -> Estimate:
    """Time and memory, from a few real steps. Nothing is kept."""
    from adapters.train import memory

    with memory.of_training(), memory.explained():
        share = planned.method.shares_prompts
        data = in_tokens(settings, planned.prepared, assistant, _tokenizer(planned), share=share, progress=progress)
        return _measured(settings, planned, data)[0]


def _measured(settings: Settings, planned: Plan, data: Data) -> tuple[Estimate, Train]:
    from adapters.train.estimate import estimate
    from adapters.train.fused import fused

    model = _model(settings, planned, steps=steps_of(settings.train, len(data.rows), data.batch))
    with fused(model):
        return estimate(model, planned.method, data, settings.train)


def _in_time(settings: Settings, planned: Plan, data: Data, folder: Path, tell: Tell, progress: Progress) -> Settings:
    """The settings with as many epochs as train.minutes leaves on this machine; a training that goes on keeps what it began with."""
    from adapters.train.estimate import surely_short
    from adapters.train.memory import release
    from rag.models.precision import bytes_in_bfloat16

    length = requests.length_of(folder)
    if length is None:
        train = settings.train
        if not surely_short(train, data, bytes_in_bfloat16(planned.base.path) // 2):
            progress("measuring the speed", 0, 1)
            found, train = _measured(settings, planned, data)
            release()  # the model that was measured, before the one that learns
            progress("measuring the speed", 1, 1)
            if found.steps < found.whole_steps:
                tell(cut_short(found, settings.train.minutes))
        length = requests.keep_length(folder, epochs=train.epochs, validations=train.validations)
    return settings.model_copy(update={"train": settings.train.model_copy(update=length)})


def cut_short(found: Estimate, minutes: float) -> str:
    """What train.minutes leaves, for a person."""
    return (
        f"All {found.whole_steps:,} steps would take about {found.whole_seconds / 60:.0f} minutes on this machine; train.minutes = "
        f"{minutes:g} leaves {found.steps:,} of them. For all: --set train.minutes=0"
    )


def _routes(method: Method, options: Options, base: ModelFolder) -> tuple[Route, ...]:
    """How an adapter of this method for this base can be served; the base is opened without its weights."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(base.path)
    with torch.device("meta"):
        return method.served(AutoModelForCausalLM.from_config(config), options)  # type: ignore[no-untyped-call]


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
        dtype=_dtype(settings, planned),
    )


def _dtype(settings: Settings, planned: Plan) -> str:
    """What the base computes in: what this machine is fastest at and has room for; a training that goes on stays at what it began with."""
    import torch

    from rag.models.precision import bytes_in_bfloat16, emulates_bfloat16, fastest

    if begun := requests.dtype_of(settings.home, planned.name):
        return begun
    torch.set_num_threads(settings.cpu_threads)
    chosen = fastest("cuda" if torch.cuda.is_available() else "cpu")
    room = psutil.virtual_memory().available > (TIGHT if emulates_bfloat16() else ROOM) * bytes_in_bfloat16(planned.base.path)
    return str(chosen if room else torch.bfloat16).removeprefix("torch.")


def _tokenizer(planned: Plan) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(planned.base.path)


def _model(settings: Settings, planned: Plan, *, steps: int) -> Any:
    """The base with fresh parameters, those in float32 in any case: small steps would be lost in bfloat16."""
    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(settings.cpu_threads)
    torch.manual_seed(settings.train.seed)
    base = AutoModelForCausalLM.from_pretrained(planned.base.path, dtype=getattr(torch, _dtype(settings, planned)))
    model = planned.method.attach(base, planned.method.scheduled(planned.options, steps))
    for value in model.parameters():
        if value.requires_grad:
            value.data = value.data.float()
    return model.to("cuda" if torch.cuda.is_available() else "cpu")


def _trainer(settings: Settings, planned: Plan, data: Data, judge: Judge, folder: Path, watch: Any) -> Any:
    from transformers import PrinterCallback

    from adapters.train.arguments import arguments
    from adapters.train.batches import BunchDataset, collate
    from adapters.train.bunches import single
    from adapters.train.refusals import measures, offset_of
    from adapters.train.trainer import AdapterTrainer
    from adapters.train.validate import mean_loss, readings

    steps = steps_of(settings.train, len(data.rows), data.batch)
    model = _model(settings, planned, steps=steps)
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
        args=arguments(settings.train, folder, steps=steps, batch=data.batch, rate=rate, mixed=_dtype(settings, planned) == "bfloat16"),
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
        more: dict[str, Any] = {"bias": bias_of(best.get("offset", 0.0), _tokenizer(planned))}
        if planned.proof:
            _cast(model, getattr(torch, _dtype(settings, planned)))  # beside a base in float32
            more["canary"] = canary.of_trained(model, planned.method, _tokenizer(planned))
        card = card.model_copy(update=more)
        card.write(place)
    return card


def _cast(model: Any, dtype: Any) -> None:
    """What was trained, in that precision."""
    for value in model.parameters():
        if value.requires_grad:
            value.data = value.data.to(dtype)
