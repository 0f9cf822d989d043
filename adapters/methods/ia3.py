"""IA3: keys, values and the inner activations of the MLP are scaled by learned vectors (Liu et al. 2022, arXiv 2205.05638)."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from adapters.method import Model, Options, Route
from adapters.methods.layers import block, decoder_layers, linears, target_names
from adapters.methods.peft_method import PeftMethod
from rag.errors import ModelError

KEYS_AND_VALUES = ("k_proj", "v_proj", "key", "value", "qkv_proj", "query_key_value", "c_attn")
"""What the projections are called across architectures; a fused one scales its queries, too."""
DOWN = ("down_proj", "fc2", "dense_4h_to_h", "c_proj", "fc_out", "w2")


class Ia3Options(Options):
    targets: tuple[str, ...] = Field((), description="Linear modules of the attention whose outputs are scaled; empty = keys and values.")
    feedforward: tuple[str, ...] = Field((), description="Linear modules of the MLP whose inputs are scaled; empty = its last one.")


class Ia3(PeftMethod):
    """Vectors of ones at the start; merged they are products with rows (outputs) or columns (inputs) of the weights."""

    name = "ia3"
    title = "(IA)3"
    routes: tuple[Route, ...] = ("merged", "in-process")
    Options = Ia3Options
    learning_rate = 3e-3
    note = "The fewest parameters that can be merged; learns less than LoRA. vLLM serves it merged only."
    kind = "IA3"

    def config(self, model: Model, options: Any) -> Any:
        from peft import IA3Config

        present = target_names(model, "all")
        targets = target_names(model, options.targets) if options.targets else [name for name in present if name in KEYS_AND_VALUES]
        inner = target_names(model, options.feedforward) if options.feedforward else _last_of_mlp(model)
        if not targets or not inner:
            raise ModelError(
                f"IA3 does not know which of the base's modules are keys, values and the MLP's last one ({', '.join(present)}).",
                "Name them in the options targets and feedforward.",
            )
        return IA3Config(target_modules=sorted({*targets, *inner}), feedforward_modules=inner, task_type="CAUSAL_LM")


def _last_of_mlp(model: Model) -> list[str]:
    name, layer = decoder_layers(model)[0]
    inside = f"{name}.{block(layer, 'mlp')[0]}."
    return sorted({full.rpartition(".")[2] for full in linears(model) if full.startswith(inside)} & set(DOWN))
