"""rsLoRA: LoRA scaled by alpha / sqrt(r), so that high ranks learn as fast as low ones (Kalajdzievski 2023, arXiv 2312.03732)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from adapters.methods.lora import Lora


class RsLora(Lora):
    """With alpha 32 and r 16 the update is four times as strong as LoRA's: the learning rate is lower."""

    name = "rslora"
    title = "rsLoRA"
    learning_rate = 1e-4
    extra: ClassVar[Mapping[str, Any]] = {"use_rslora": True}
