"""The chunks that questions are written about: of the live index or of a folder, spread over the documents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, zip_longest
from pathlib import Path

from adapters.data.split import work
from rag.embed.embedder import open_embedder
from rag.index import versions
from rag.index.opened import open_current
from rag.ingest.folder import read_folder
from rag.ingest.split import split
from rag.progress import Progress, silent
from rag.qa import Pair
from rag.settings import Settings
from rag.types import Chunk, content_id


def of_index(settings: Settings) -> list[list[Chunk]]:
    """One list a document, in path order. No embedder is opened. Raises IndexError_ when there is no index."""
    index = open_current(versions.folder_of(settings), settings.index)
    try:
        return [chunks for document in index.documents() if (chunks := index.chunks_of(document.id))]
    finally:
        index.close()


def of_folder(folder: Path, settings: Settings, *, progress: Progress = silent) -> list[list[Chunk]]:
    """As an index of that folder would cut it. Raises InputError when it holds no document."""
    documents = read_folder(folder, settings.ingest, progress=progress).documents
    tokenizer = open_embedder(settings, progress=progress).tokenizer()
    return [chunks for document in documents if (chunks := split(document, tokenizer, settings.ingest))]


def without(documents: Iterable[list[Chunk]], held_back: Sequence[Pair]) -> list[list[Chunk]]:
    """The documents that no held-back pair asks about, nor about a piece or translation of them."""
    asked = {work(path) for pair in held_back for path in pair.docs}
    return [chunks for chunks in documents if work(chunks[0].path) not in asked]


def spread(documents: Iterable[list[Chunk]], seed: int) -> list[Chunk]:
    """All chunks: first one of each document, then a second of each, and so on; documents and chunks in a drawn order.

    So any beginning of the list is spread over the documents as evenly as they allow.
    """

    def drawn(name: str) -> str:
        return content_id("synthetic", str(seed), name)

    shuffled = [sorted(chunks, key=lambda chunk: drawn(chunk.id)) for chunks in documents]
    shuffled.sort(key=lambda chunks: drawn(chunks[0].document_id))
    return [chunk for chunk in chain.from_iterable(zip_longest(*shuffled)) if chunk is not None]
