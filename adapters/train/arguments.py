"""What transformers' Trainer is told, from the settings."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

from adapters.method import Method
from rag.settings import Train

ROUNDING = 1e-6
"""Of a step: epochs that stand for a whole number of steps give that number."""
STEEPEST = 10.0
"""Norm above which a gradient is cut. Against leaps only: cut to 1, long answers would weigh less than short refusals again."""


def rate_of(train: Train, method: Method) -> float:
    """The peak learning rate: what the settings say, or else the method's own."""
    return train.learning_rate or method.learning_rate


def steps_of(train: Train, rows: int, batch: int) -> int:
    """Optimizer steps of the whole training, of `batch` rows each."""
    return max(1, math.ceil(train.epochs * math.ceil(rows / batch) - ROUNDING))


def arguments(train: Train, folder: Path, *, steps: int, batch: int, rate: float, mixed: bool) -> Any:
    """TrainingArguments for `steps` of `batch` rows; checkpoints in folder/checkpoints, curves in folder/tensorboard; `mixed`: bfloat16."""
    import torch
    from transformers import TrainingArguments

    os.environ["TENSORBOARD_LOGGING_DIR"] = str(folder / "tensorboard")
    return TrainingArguments(
        output_dir=str(folder / "checkpoints"),
        per_device_train_batch_size=batch,
        max_steps=steps,
        learning_rate=rate,
        lr_scheduler_type="cosine",
        warmup_steps=round(train.warmup * steps),
        weight_decay=0.0,
        max_grad_norm=STEEPEST,
        bf16=mixed,
        use_cpu=not torch.cuda.is_available(),
        train_sampling_strategy="group_by_length",
        logging_steps=max(1, steps // 40),
        eval_strategy="steps",
        eval_steps=max(1, math.ceil(steps / train.validations)),
        save_strategy="no",  # Watch asks for checkpoints, by the clock
        save_total_limit=2,
        seed=train.seed,
        data_seed=train.seed,
        report_to=["tensorboard"],
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=torch.cuda.is_available(),
    )
