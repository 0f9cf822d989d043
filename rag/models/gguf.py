"""GGUF -> an ordinary transformers folder in bfloat16: `python -m rag.models.gguf FILE FOLDER NAME EOS [EOS ...]`.

Run as a process of its own, so that the memory it needs (about three times the file) is given back.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rag.errors import RunError
from rag.models.quiet import quiet


def convert(file: Path, folder: Path, name: str, eos: Sequence[str]) -> None:
    """Write weights, config, tokenizer with its chat template, and a generation config whose end tokens are `eos`, in that order."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    quiet()
    unpacked = GgufConfig(dequantize=True)
    model: Any = AutoModelForCausalLM.from_pretrained(
        file.parent, gguf_file=file.name, dtype=torch.bfloat16, quantization_config=unpacked, local_files_only=True
    )
    tokenizer: Any = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name, local_files_only=True)
    if not tokenizer.chat_template:
        raise RunError(f"{file} carries no chat template.")
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    _tie(model)
    _name(model, tokenizer, name, eos)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _name(model: Any, tokenizer: Any, name: str, eos: Sequence[str]) -> None:
    """What the model's own repository says, and GGUF does not: all the end tokens, the context length, rounded float32 numbers."""
    import transformers

    vocabulary = tokenizer.get_vocab()
    unknown = [token for token in eos if token not in vocabulary]
    if unknown:
        raise RunError(f"The tokenizer does not know the end tokens {unknown}.")
    ids = [vocabulary[token] for token in eos]
    config = model.config
    config._name_or_path = name
    if hasattr(config, "_model_name_or_path"):  # what the GGUF's author called his file
        config._model_name_or_path = name
    config.eos_token_id = ids[0]
    config.rms_norm_eps = float(f"{config.rms_norm_eps:.6g}")
    tokenizer.model_max_length = config.max_position_embeddings
    bos = config.bos_token_id
    model.generation_config = transformers.GenerationConfig(bos_token_id=bos, eos_token_id=ids, pad_token_id=tokenizer.pad_token_id)  # type: ignore[no-untyped-call]


def _tie(model: Any) -> None:
    """Tie input and output embeddings where they are one matrix that the GGUF stores twice.

    llama.cpp's quantizer writes the tied matrix of a small model as `token_embd` (5 bits) and `output` (8 bits). They differ
    by rounding only (here 4 %); the better one serves for both, as in the model's own repository, and 272 MB are saved.
    """
    inside, outside = model.get_input_embeddings().weight, model.get_output_embeddings().weight
    if inside is outside or inside.shape != outside.shape:
        return
    difference = float((inside.float() - outside.float()).norm() / outside.float().norm())
    if difference < 0.1:
        inside.data = outside.data
        model.config.tie_word_embeddings = True
        model.tie_weights()


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4:])
