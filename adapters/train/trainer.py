"""transformers' Trainer with what this project needs: any tuning method, checkpoints without pickles, validation by answering."""

from __future__ import annotations

import math
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import Trainer, TrainerCallback

from adapters.method import Method
from adapters.train.batches import GroupedSampler, answer_loss
from adapters.train.curve import append
from adapters.train.memory import give_back
from rag.errors import RunError, UserError
from rag.progress import Progress, Tell

TRAINED = "trained.safetensors"
COMPLETE = "complete"
"""A checkpoint without this file was cut off while it was written."""

APART = (("answered", "answerable: {:.1f}"), ("over_refused", "wrongly refused: {:.1f} %"), ("refused", "rightly refused: {:.1f} %"))
"""What the line of a validation says beside the score."""

Validate = Callable[[Any], dict[str, float]]
"""From the model to `loss`, `score` and what else is measured on held-back questions."""


class AdapterTrainer(Trainer):
    """Trains the parameters that require gradients, in float32; the rest of the model stays as it is, in its own dtype.

    Every answer token counts the same over the whole training: the loss of a step is the sum over its answer tokens, divided by how
    many a step has on average. With the mean over those of the step, the first word of a refusal (five tokens) would weigh fourteen
    times as much as that of an answer (seventy) where a step is one example: such a model learned to refuse everything (docs/log.md).
    """

    def __init__(self, *, method: Method, validate: Validate, keep_best: Callable[[], None], patience: int, **named: Any) -> None:
        super().__init__(**named)
        self.model_accepts_loss_kwargs = False
        self._method, self._validate, self._keep_best, self._patience = method, validate, keep_best, patience
        dataset: Any = self.train_dataset
        self._tokens = dataset.answer_tokens * self.args.per_device_train_batch_size

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        dataset: Any = train_dataset if train_dataset is not None else self.train_dataset
        if self.args.train_sampling_strategy != "group_by_length":
            return super()._get_train_sampler(dataset)
        return GroupedSampler(dataset.lengths, self.args.per_device_train_batch_size, self.args.seed)

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **named: Any) -> Any:
        loss, tokens = answer_loss(model, inputs, prepended=self._method.prepended(self.model))
        if not math.isfinite(loss.item()):
            raise UserError(
                f"The loss is {loss.item()} after step {self.state.global_step}.",
                "Train again with a lower rate, for instance --set train.learning_rate=1e-4; the last checkpoint is kept.",
            )
        return loss * (tokens / self._tokens) + self._method.penalty(self.model)

    def evaluate(self, *args: Any, **named: Any) -> dict[str, float]:
        """Validate, keep the model when it is the best so far, and stop the training when it has not been for a while."""
        before = [(row["eval_score"], -row["eval_loss"]) for row in self.state.log_history if "eval_score" in row]
        metrics = {f"eval_{name}": value for name, value in self._validate(self.model).items()}
        now = (metrics["eval_score"], -metrics["eval_loss"])
        if not before or now > max(before):
            self._keep_best()
        else:
            since = len(before) - before.index(max(before))
            self.control.should_training_stop = self.control.should_training_stop or since >= self._patience
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        folder = Path(output_dir or str(self.args.output_dir))
        folder.mkdir(parents=True, exist_ok=True)
        save_file(trained(self.model), folder / TRAINED)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        restore(self.model, Path(resume_from_checkpoint))

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        folder = Path(str(self.args.output_dir)) / f"checkpoint-{self.state.global_step}"
        with (folder / COMPLETE).open("w") as marker:
            os.fsync(marker.fileno())


def trained(model: Any) -> dict[str, Any]:
    """Name -> tensor of every parameter that requires gradients."""
    return {name: value.detach().cpu().contiguous() for name, value in model.named_parameters() if value.requires_grad}


def restore(model: Any, folder: Path) -> None:
    """Put the parameters of a checkpoint back. Raises RunError when they are not this model's."""
    saved = load_file(folder / TRAINED)
    own = {name: value for name, value in model.named_parameters() if value.requires_grad}
    if saved.keys() != own.keys():
        raise RunError(f"{folder} holds other parameters than the model: {sorted(saved.keys() ^ own.keys())[:5]}")
    with torch.no_grad():
        for name, value in own.items():
            value.copy_(saved[name])


def latest_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint; those that were cut off are removed."""
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    for path in found:
        if not (path / COMPLETE).is_file():
            shutil.rmtree(path, ignore_errors=True)
    whole = [path for path in found if (path / COMPLETE).is_file()]
    return whole[-1] if whole else None


class Watch(TrainerCallback):
    """Progress, a checkpoint every so often and when asked to stop, and what a method wants done after a step."""

    def __init__(self, method: Method, *, every: float, tell: Tell, progress: Progress, stopping: Callable[[], bool]) -> None:
        self._method, self._every, self._tell, self.progress, self._stopping = method, every, tell, progress, stopping
        self._saved = time.monotonic()
        self._loss = math.nan

    def on_train_begin(self, args: Any, state: Any, control: Any, **named: Any) -> None:
        self.progress("training", state.global_step, state.max_steps)

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **named: Any) -> None:
        self._method.stepped(named["model"], state.global_step + 1)

    def on_step_end(self, args: Any, state: Any, control: Any, **named: Any) -> None:
        give_back()
        self.progress("training", state.global_step, state.max_steps)
        if self._stopping():
            control.should_save = control.should_training_stop = True
        elif time.monotonic() - self._saved >= self._every:
            control.should_save = True

    def on_save(self, args: Any, state: Any, control: Any, **named: Any) -> None:
        self._saved = time.monotonic()

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **named: Any) -> None:
        said = logs or {}
        append(Path(str(args.output_dir)).parent, state.global_step, said, steps=state.max_steps)
        self._loss = said.get("loss", self._loss)
        if "eval_score" in said:
            apart = "; ".join(words.format(100 * said[f"eval_{kind}"]) for kind, words in APART if f"eval_{kind}" in said)
            self._tell(
                f"step {state.global_step} of {state.max_steps}: loss {self._loss:.3f}, "
                f"held-back loss {said['eval_loss']:.3f}, held-back score {100 * said['eval_score']:.1f}" + (f" ({apart})" if apart else "")
            )
