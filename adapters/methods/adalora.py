"""AdaLoRA: LoRA as P diag(E) Q whose singular values are pruned in training to a budget (Zhang et al. 2023, arXiv 2303.10512)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from adapters.method import Model, Route
from adapters.methods.lora import LowRankOptions, low_rank
from adapters.methods.peft_method import ADAPTER, PeftMethod
from rag.errors import ModelError

EVERY = 10
"""Steps between two prunings, fewer in short runs."""


class AdaLoraOptions(LowRankOptions):
    r: int = Field(24, ge=2, description="Rank of every update at the start.")
    target_r: int = Field(16, ge=1, description="Average rank at the end; below r.")
    warmup: float = Field(0.1, ge=0, lt=1, description="Share of the steps before pruning starts.")
    final: float = Field(0.3, ge=0, lt=1, description="Share of the steps after pruning has ended.")
    orthogonality: float = Field(0.5, ge=0, description="Weight of the penalty that keeps P and Q orthogonal.")
    steps: int = Field(0, ge=0, description="Optimizer steps of the whole run; the training fills it in.")

    @model_validator(mode="after")
    def _a_budget_to_prune_to(self) -> AdaLoraOptions:
        if self.target_r >= self.r:
            raise ValueError(f"target_r ({self.target_r}) must be below r ({self.r})")
        if self.warmup + self.final >= 1:
            raise ValueError(f"warmup ({self.warmup}) and final ({self.final}) leave no steps to prune in")
        return self


class AdaLora(PeftMethod):
    """(alpha / r) P diag(E) Q x; E starts at zero. Of the triplets with the smallest importance E becomes zero for good.

    peft adds the penalty only to a loss that the model computed itself, and prunes only when it is told: see `penalty`, `stepped`.
    """

    name = "adalora"
    title = "AdaLoRA"
    routes: tuple[Route, ...] = ("merged", "in-process")
    Options = AdaLoraOptions
    learning_rate = 1e-3
    note = "Shares its rank out over the layers; the length of the run must be known before it starts. vLLM serves it merged only."
    kind = "ADALORA"

    def config(self, model: Model, options: Any) -> Any:
        from peft import AdaLoraConfig

        if options.steps < 4:
            raise ModelError(f"AdaLoRA prunes over a whole run, and this one has {options.steps} steps.", "Train for 4 steps or more.")
        return AdaLoraConfig(
            init_r=options.r,
            target_r=options.target_r,
            tinit=int(options.warmup * options.steps),
            tfinal=int(options.final * options.steps),
            deltaT=min(EVERY, max(1, options.steps // 20)),
            orth_reg_weight=options.orthogonality,
            total_step=options.steps,
            **low_rank(model, options),
        )

    def scheduled(self, options: Any, steps: int) -> Any:
        return options.model_copy(update={"steps": steps})

    def penalty(self, model: Model) -> Any:
        """orthogonality * mean over all P and Q of ||P^T P - I|| and ||Q Q^T - I|| (Frobenius), eq. 4 of the paper as peft has it."""
        import torch

        gaps = []
        for name, parameter in model.named_parameters():
            if parameter.requires_grad and (".lora_A." in name or ".lora_B." in name):
                matrix = parameter if ".lora_A." in name else parameter.T
                gram = matrix @ matrix.T
                gaps.append(torch.linalg.matrix_norm((gram - torch.eye(len(gram), dtype=gram.dtype, device=gram.device)).float()))
        return model.peft_config[ADAPTER].orth_reg_weight * torch.stack(gaps).mean()

    def load(self, model: Model, folder: Path, *, trainable: bool = False) -> Model:
        """Trained on, a pruned adapter keeps the ranks that it was saved with."""
        wrapped = super().load(model, folder, trainable=trainable)
        wrapped._atlas_pruned = wrapped.peft_config[ADAPTER].rank_pattern is not None
        return wrapped

    def stepped(self, model: Model, step: int) -> None:
        if not getattr(model, "_atlas_pruned", False):
            model.base_model.update_and_allocate(step)

    def expected(self, model: Model) -> Mapping[str, Any]:
        """Pruned triplets are not saved: the rows of E and Q (lora_A) and the columns of P (lora_B) that the pattern keeps."""
        import torch

        config = model.peft_config[ADAPTER]
        pattern, config.rank_pattern = config.rank_pattern, None  # peft would cut the fresh ones itself, and fail on a wrong base
        tensors = dict(super().expected(model))
        config.rank_pattern = pattern
        for name, kept in (pattern or {}).items():
            stem = f"base_model.model.{name.removesuffix('.lora_E')}"
            rows = torch.tensor([row for row, keep in enumerate(kept) if keep], dtype=torch.long)
            for key in (f"{stem}.lora_A", f"{stem}.lora_E", f"{stem}.lora_B"):
                if key in tensors:
                    tensors[key] = tensors[key].index_select(1 if key.endswith("lora_B") else 0, rows)
        return tensors

    def _wrapped(self, model: Model, config: Any, base: Mapping[str, Any]) -> Model:
        """peft takes the saved pattern for one of module names, and warns of each; it needs it only when it loads the tensors."""
        pattern, config.rank_pattern = config.rank_pattern, None
        wrapped = super()._wrapped(model, config, base)
        wrapped.peft_config[ADAPTER].rank_pattern = pattern
        return wrapped
