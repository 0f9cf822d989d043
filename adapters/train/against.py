"""Our training against TRL's SFTTrainer with its defaults: the same examples, the same fresh LoRA, rate and examples in a step."""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.data.tokens import Encoded
from adapters.method import METHODS, read_options
from adapters.train.bunches import Bunch, bunched
from rag.models.folder import ModelFolder
from rag.models.quiet import quiet
from rag.progress import Progress, silent

RATE = 2e-4
LONGEST = 4096


@dataclass(frozen=True, slots=True)
class Side:
    """One way of training. `seconds` of all steps but the first, `examples` and their `tokens` (as single prompts) in these steps;
    `loss` on examples that nobody learned from, after one pass over the others."""

    name: str
    seconds: float
    steps: int
    examples: int
    tokens: int
    loss: float

    @property
    def examples_per_second(self) -> float:
        return self.examples / self.seconds


@dataclass(frozen=True, slots=True)
class Comparison:
    """`before`: the loss of the untrained base on the same held-back examples."""

    ours: Side
    trl: Side
    before: float

    @property
    def ratio(self) -> float:
        return self.ours.examples_per_second / self.trl.examples_per_second


def against_trl(
    base: ModelFolder, encoded: Sequence[Encoded], held: Sequence[Encoded], *, batch: int, threads: int, progress: Progress = silent
) -> Comparison:
    """Train twice on `encoded`, in steps of at most `batch` examples. The first step of each side is not timed: it warms up."""
    import torch

    from adapters.train import memory
    from adapters.train.validate import mean_loss

    torch.set_num_threads(threads)
    with memory.of_training():  # both sides
        before = mean_loss(_model(base, torch.bfloat16), held)
        rows = _mixed(bunched(encoded, longest=LONGEST, most=batch))
        ours = _timed("ours", _our_trainer(base, rows), [_counted(row) for row in rows], held, progress)
        steps = [encoded[start : start + batch] for start in range(0, len(encoded), batch)]
        counted = [(len(step), sum(len(each.ids) for each in step)) for step in steps]
        return Comparison(ours, _timed("TRL", _trl_trainer(base, encoded, batch), counted, held, progress), before)


def _counted(row: Bunch) -> tuple[int, int]:
    return len(row.branches), row.tokens


def _mixed(rows: Sequence[Bunch]) -> list[Bunch]:
    import random

    return random.Random(0).sample(rows, len(rows))


def _model(base: ModelFolder, dtype: Any) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    quiet()
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_pretrained(base.path, dtype=dtype)


def _timed(name: str, make: Callable[[str], Any], counted: Sequence[tuple[int, int]], held: Sequence[Encoded], progress: Progress) -> Side:
    """`counted`: examples and tokens of each step; those of the first are left out (TRL mixes them, on average it is the same)."""
    from transformers import PrinterCallback, TrainerCallback

    from adapters.train.fused import fused
    from adapters.train.validate import mean_loss

    class Clock(TrainerCallback):
        def __init__(self) -> None:
            self.ends: list[float] = []

        def on_step_end(self, args: Any, state: Any, control: Any, **named: Any) -> None:
            self.ends.append(time.perf_counter())
            progress(f"training ({name})", state.global_step, state.max_steps)

    clock = Clock()
    with tempfile.TemporaryDirectory() as scratch:
        trainer = make(scratch)
        trainer.add_callback(clock)
        trainer.remove_callback(PrinterCallback)
        with fused(trainer.model) if name == "ours" else nullcontext():
            trainer.train()
        loss = mean_loss(trainer.model, held)
        del trainer
    gc.collect()
    later = counted[1:]
    examples, tokens = sum(each[0] for each in later), sum(each[1] for each in later)
    return Side(name, clock.ends[-1] - clock.ends[0], len(later), examples, tokens, loss)


def _our_trainer(base: ModelFolder, rows: Sequence[Bunch]) -> Callable[[str], Any]:
    import torch

    from adapters.train.arguments import arguments
    from adapters.train.batches import BunchDataset, collate
    from adapters.train.trainer import AdapterTrainer
    from rag.models.precision import fastest
    from rag.settings import Train

    def make(scratch: str) -> Any:
        method = METHODS.load("lora")()
        dtype = fastest("cuda" if torch.cuda.is_available() else "cpu")
        model = method.attach(_model(base, dtype), read_options(method, {}))
        for value in model.parameters():
            if value.requires_grad:
                value.data = value.data.float()
        mixed = dtype == torch.bfloat16
        args = arguments(Train(), Path(scratch), steps=len(rows), batch=1, rate=RATE, mixed=mixed)
        args.train_sampling_strategy, args.eval_strategy, args.logging_steps, args.report_to = "sequential", "no", 1, []
        args.lr_scheduler_type, args.warmup_steps = "constant", 0
        return AdapterTrainer(
            method=method, validate=lambda _: {}, keep_best=lambda: None, patience=1, model=model, args=args, data_collator=collate,
            train_dataset=BunchDataset(rows),
        )  # fmt: skip

    return make


def _trl_trainer(base: ModelFolder, encoded: Sequence[Encoded], batch: int) -> Callable[[str], Any]:
    """SFTTrainer as it comes: only the batch, the rate and the LoRA are said, so that both sides learn the same."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoTokenizer
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    def make(scratch: str) -> Any:
        model = _model(base, torch.bfloat16)  # its own default is to train with bf16=True
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
