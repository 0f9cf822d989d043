"""QLoRA: LoRA trained over a base whose linear weights are held in 4 bits (Dettmers et al. 2023, arXiv 2305.14314).

bitsandbytes (extra `quantize`) does the quantising, on a CPU, too. What is gained is memory of the base (about 4.1 bits a weight);
each product dequantises its weights first, which a step of many tokens does not feel (docs/log.md). The packed kernel for CPUs
with AVX512-BF16 is switched off: it repacks weights at the first evaluation, and training cannot go on over packed ones.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

# At the top on purpose: the registry names the extra when this import fails. The module is imported only when it is chosen.
import bitsandbytes.nn  # type: ignore[import-not-found,unused-ignore]
from pydantic import Field

from adapters.method import Model
from adapters.methods import files
from adapters.methods.layers import dtype_of, linears
from adapters.methods.lora import Lora, LoraOptions
from rag.errors import ModelError

QUANTISED = "quantised.json"
nn: Any = bitsandbytes.nn
"""Without the library's own types, which do not fit its classes."""


class QLoraOptions(LoraOptions):
    data_type: str = Field("nf4", pattern="^(nf4|fp4)$", description="4-bit data type: nf4 (normal float) or fp4.")
    double: bool = Field(True, description="Quantise the scales of the weights, too.")


class QLora(Lora):
    """The saved adapter is a plain LoRA. Trained over the 4-bit base; served, and merged, over the unquantised one.

    So `load` leaves the base as it is, unless `trainable`: then it is quantised as in the training before.
    """

    name = "qlora"
    title = "QLoRA"
    Options = QLoraOptions
    starts_as_base = False
    note = (
        "Trained over the base in 4 bits, which says nearly what the base says; served over the unquantised base. "
        "On a CPU a step takes about as long as LoRA's."
    )

    def attach(self, model: Model, options: Any) -> Model:
        base, config = files.describe_base(model), self.config(model, options)
        quantise(model, data_type=options.data_type, double=options.double)
        return self._wrapped(model, config, base)

    def save(self, model: Model, folder: Path) -> None:
        super().save(model, folder)
        weights = [module.weight for module in model.modules() if isinstance(module, nn.Linear4bit)]
        if weights:  # none after a load for serving
            files.write_json(folder / QUANTISED, {"data_type": weights[0].quant_type, "double": weights[0].compress_statistics})

    def before_training(self, model: Model, folder: Path) -> None:
        quantise(model, **files.read_json(folder / QUANTISED))

    def merge(self, model: Model) -> Model:
        if getattr(model.get_base_model(), "is_loaded_in_4bit", False):
            raise ModelError(
                "This QLoRA adapter lies over a 4-bit base; merged there it would lose precision.",
                "Save it, load it into the unquantised base, and merge that.",
            )
        return super().merge(model)


def quantise(model: Model, *, data_type: str, double: bool) -> None:
    """Replace the linear modules of the decoder layers by 4-bit ones, in place; a base that is in 4 bits already stays."""
    if getattr(model, "is_loaded_in_4bit", False):
        return
    dtype = dtype_of(model)
    for name, module in linears(model).items():
        made = nn.Linear4bit(
            module.in_features,
            module.out_features,
            bias=False,
            compute_dtype=dtype,
            compress_statistics=double,
            quant_type=data_type,
            device="meta",
        )
        weight = nn.Params4bit(module.weight.data, requires_grad=False, compress_statistics=double, quant_type=data_type, module=made)
        made.weight = weight.to(module.weight.device)  # here it is quantised
        made.bias = module.bias
        made.support_avx512bf16_for_cpu = False
        model.set_submodule(name, made)
    model.is_loaded_in_4bit = True
