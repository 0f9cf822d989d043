"""Our training against TRL's SFTTrainer with its defaults: the same examples in the same order, the same fresh LoRA, the same rate."""

from __future__ import annotations

import gc
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.data.tokens import Encoded
from adapters.method import METHODS, read_options
from rag.models.folder import ModelFolder
from rag.progress import Progress, silent

RATE = 2e-4


@dataclass(frozen=True, slots=True)
class Side:
    """One way of training: seconds of every step after the first, tokens (padding not counted), and the loss per step."""

    name: str
    seconds: tuple[float, ...]
    tokens: int
    losses: tuple[float, ...]

    @property
    def tokens_per_second(self) -> float:
        return self.tokens / sum(self.seconds)

    @property
    def final_loss(self) -> float:
        return statistics.fmean(self.losses[-4:])


@dataclass(frozen=True, slots=True)
class Comparison:
    ours: Side
    trl: Side

    @property
    def ratio(self) -> float:
        return self.ours.tokens_per_second / self.trl.tokens_per_second


def against_trl(base: ModelFolder, encoded: Sequence[Encoded], *, batch: int, threads: int, progress: Progress = silent) -> Comparison:
    """Train twice on the same examples, in steps of `batch`. The first step of each side is not timed: it warms up."""
    import torch

    torch.set_num_threads(threads)
    ordered = _grouped(encoded, batch)
    ours = _timed("ours", _our_trainer(base, ordered, batch), ordered, batch, progress, fuse=True)
    trl = _timed("TRL", _trl_trainer(base, encoded, batch), encoded, batch, progress, fuse=False)
    return Comparison(ours, trl)


def _grouped(encoded: Sequence[Encoded], batch: int) -> list[Encoded]:
    """Batches of similar length, in a mixed order: what the Trainer's grouping does, made the same for every run."""
    order = sorted(encoded, key=lambda each: len(each.ids))
    batches = [order[start : start + batch] for start in range(0, len(order), batch)]
    mixed = [batches[(number * 7) % len(batches)] for number in range(len(batches))] if len(batches) % 7 else batches
    return [each for group in mixed for each in group]


def _timed(name: str, make: Callable[[str], Any], encoded: Sequence[Encoded], batch: int, progress: Progress, *, fuse: bool) -> Side:
    from transformers import PrinterCallback, TrainerCallback

    from adapters.train.fused import fused

    class Clock(TrainerCallback):
        def __init__(self) -> None:
            self.ends: list[float] = []
            self.losses: list[float] = []

        def on_step_end(self, args: Any, state: Any, control: Any, **named: Any) -> None:
            self.ends.append(time.perf_counter())
            progress(f"training ({name})", state.global_step, state.max_steps)

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **named: Any) -> None:
            if logs and "loss" in logs:
                self.losses.append(float(logs["loss"]))

    clock = Clock()
    with tempfile.TemporaryDirectory() as scratch:
        trainer = make(scratch)
        trainer.add_callback(clock)
        trainer.remove_callback(PrinterCallback)
        with fused(trainer.model) if fuse else nullcontext():
            trainer.train()
        del trainer
    gc.collect()
    seconds = tuple(after - before for before, after in zip(clock.ends, clock.ends[1:], strict=False))
    tokens = sum(len(each.ids) for each in encoded[batch:])
    return Side(name, seconds, tokens, tuple(clock.losses))


def _our_trainer(base: ModelFolder, encoded: Sequence[Encoded], batch: int) -> Callable[[str], Any]:
    import torch
    from transformers import AutoModelForCausalLM

    from adapters.train.arguments import arguments
    from adapters.train.batches import EncodedDataset, collate
    from adapters.train.trainer import AdapterTrainer
    from rag.settings import Train

    def make(scratch: str) -> Any:
        torch.manual_seed(0)
        method = METHODS.load("lora")()
        model = method.attach(AutoModelForCausalLM.from_pretrained(base.path, dtype=torch.bfloat16), read_options(method, {}))
        for value in model.parameters():
            if value.requires_grad:
                value.data = value.data.float()
        args = arguments(Train(), Path(scratch), steps=math.ceil(len(encoded) / batch), batch=batch, rate=RATE)
        args.train_sampling_strategy, args.eval_strategy, args.logging_steps, args.report_to = "sequential", "no", 1, []
        args.lr_scheduler_type, args.warmup_steps = "constant", 0
        return AdapterTrainer(
            method=method, validate=lambda _: {}, keep_best=lambda: None, patience=1, model=model, args=args, data_collator=collate,
            train_dataset=EncodedDataset(encoded),
        )  # fmt: skip

    return make


def _trl_trainer(base: ModelFolder, encoded: Sequence[Encoded], batch: int) -> Callable[[str], Any]:
    """SFTTrainer as it comes: only the batch, the rate and the LoRA are said, so that both sides learn the same."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    def make(scratch: str) -> Any:
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_pretrained(base.path, dtype=torch.bfloat16)
        rows = [
            {"input_ids": list(each.ids), "completion_mask": [0] * each.answer_start + [1] * (len(each.ids) - each.answer_start)}
            for each in encoded
        ]
        config = SFTConfig(
            output_dir=scratch,
            per_device_train_batch_size=batch,
            learning_rate=RATE,
            lr_scheduler_type="constant",
            num_train_epochs=1,
            max_length=None,
            completion_only_loss=True,
            use_cpu=not torch.cuda.is_available(),
            logging_steps=1,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
        )
        lora = LoraConfig(r=16, lora_alpha=32, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM")
        return SFTTrainer(
            model=model,
            args=config,
            train_dataset=Dataset.from_list(rows),
            processing_class=AutoTokenizer.from_pretrained(base.path),
            peft_config=lora,
        )

    return make
