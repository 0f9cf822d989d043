"""A tiny random causal language model and its tokenizer, made in milliseconds without a download: what tests and rehearsals train."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

SPECIAL = ("<pad>", "<start>", "<end>")
TEMPLATE = (
    "{% for message in messages %}<start>{{ message['role'] }}\n{{ message['content'] }}<end>\n{% endfor %}"
    "{% if add_generation_prompt %}<start>assistant\n{% endif %}"
)


def tiny_model(
    architecture: Literal["qwen2", "llama"] = "qwen2", *, hidden: int = 32, layers: int = 3, tied: bool = True, seed: int = 0
) -> Any:
    """A random model in float32 with 4 heads, 2 of them for keys and values, for `tiny_tokenizer`; in evaluation mode.

    qwen2 has biases in its query, key and value projections, llama has none. The same arguments give the same weights, and
    torch's global generator is left as it was. `hidden` must be a multiple of 8.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

    sizes: dict[str, Any] = {
        "vocab_size": 256 + len(SPECIAL),
        "hidden_size": hidden,
        "intermediate_size": 2 * hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "tie_word_embeddings": tied,
        "initializer_range": 0.2,  # wide enough that an answer depends on every layer
        "pad_token_id": 256,
        "bos_token_id": None,
        "eos_token_id": 258,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made: Any = (Qwen2ForCausalLM, Qwen2Config) if architecture == "qwen2" else (LlamaForCausalLM, LlamaConfig)
        model = made[0](made[1](**sizes))
    return model.eval()


def tiny_tokenizer() -> Any:
    """One token per UTF-8 byte and three special ones, with a chat template; any text comes back as it was."""
    from tokenizers import AddedToken, Tokenizer, decoders, pre_tokenizers
    from tokenizers.models import BPE
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(BPE(vocab={letter: number for number, letter in enumerate(letters)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL])
    fast: Any = PreTrainedTokenizerFast  # untyped in transformers
    return fast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<end>", chat_template=TEMPLATE, model_max_length=512)


def save_tiny(folder: Path, architecture: Literal["qwen2", "llama"] = "qwen2", *, seed: int = 0) -> Path:
    """A model folder that transformers opens: weights, configuration, tokenizer, chat template."""
    tiny_model(architecture, seed=seed).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder
