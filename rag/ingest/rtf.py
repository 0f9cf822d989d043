"""Rich text (RTF), read by LlamaIndex."""

from __future__ import annotations

from pathlib import Path

from rag.ingest.encoding import clean
from rag.ingest.extract import Extract
from rag.ingest.files import Unreadable


def read(file: Path) -> list[Extract]:
    """Raises Unreadable for what is no RTF or holds no text."""
    with file.open("rb") as stream:
        if not (head := stream.read(5)).startswith(b"{\\rtf"):
            raise Unreadable(f"not RTF (starts with {head[:4]!r})")
    from llama_index.readers.file.rtf import RTFReader

    try:
        text = clean("\n\n".join(document.text for document in RTFReader().load_data(file)))
    except UnicodeDecodeError as exc:
        raise Unreadable("broken RTF: it holds bytes that are not ASCII") from exc
    if not text.strip():
        raise Unreadable("no text in the file")
    return [Extract(text)]
