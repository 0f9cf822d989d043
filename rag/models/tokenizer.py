"""A model's own tokenizer: counts and spans, without loading torch or transformers."""

from __future__ import annotations

from pathlib import Path

from rag.errors import ModelError


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

    def count(self, text: str) -> int:
        """Number of tokens, special tokens not included."""
        return len(self._tokenizer.encode(text, add_special_tokens=False))

    def spans(self, text: str) -> list[tuple[int, int]]:
        """For each token, the characters it stands for: text[start:end]. Tokens that share a character overlap."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).offsets)
