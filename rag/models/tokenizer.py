"""A model's own tokenizer: counts and spans, without loading torch or transformers."""

from __future__ import annotations

from pathlib import Path

from rag.errors import ModelError

SPACES = "\u0120\u010a\u0109\u2581 \n\t"
"""White space as vocabularies write it: byte-level BPE has letters for bytes (U+0120 is a space), SentencePiece a bar."""


class Tokenizer:
    """`<folder>/tokenizer.json`, read by the `tokenizers` library. Never truncates or pads. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        """Raises ModelError when the folder has no tokenizer.json or it cannot be read."""
        import tokenizers

        file = folder / "tokenizer.json"
        if not file.is_file():
            raise ModelError(f"{folder} has no tokenizer.json.", "Save the model with a fast tokenizer (tokenizer.save_pretrained).")
        try:
            self._tokenizer = tokenizers.Tokenizer.from_file(str(file))
        except Exception as exc:  # the library raises plain Exception
            raise ModelError(f"{file} cannot be read: {exc}.", "Fetch the model again: atlas models verify.") from exc
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._beginning: dict[tuple[str, ...], tuple[int, ...]] = {}

    def count(self, text: str) -> int:
        """Number of tokens, special tokens not included."""
        return len(self._tokenizer.encode(text, add_special_tokens=False))

    def beginning_with(self, prefixes: tuple[str, ...]) -> tuple[int, ...]:
        """The ids of all tokens that begin with one of these ASCII strings, white space before it aside; no special tokens."""
        if prefixes not in self._beginning:
            vocabulary = self._tokenizer.get_vocab(with_added_tokens=False)
            found = (number for token, number in vocabulary.items() if token.lstrip(SPACES).startswith(prefixes))
            self._beginning[prefixes] = tuple(sorted(found))
        return self._beginning[prefixes]

    def spans(self, text: str) -> list[tuple[int, int]]:
        """For each token, the characters it stands for: text[start:end]. Tokens that share a character overlap."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).offsets)
