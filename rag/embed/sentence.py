"""Embedding with a sentence-transformers folder: right prefixes, right precision, right number of threads."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from rag.errors import ModelError
from rag.index.words import unmarked
from rag.models.folder import ModelFolder, resolve
from rag.models.precision import fastest
from rag.models.quiet import quiet
from rag.models.tokenizer import Tokenizer
from rag.progress import Progress, silent

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sentence_transformers import SentenceTransformer

    from rag.embed.embedder import Identity
    from rag.settings import Embed, Settings

REMEMBERED_QUERIES = 20_000  # 30 MB of vectors: all the questions of a training or an evaluation
SLAB = 64  # texts handed to the library at once: small enough for a smooth progress bar, large enough to sort by length


class SentenceEmbedder:
    """Weights load at the first `embed_*`; everything else is read from the folder's own files.

    Thread-safe: one call computes at a time. Passages use all of `settings.cpu_threads`, a single query uses one
    thread: on a busy machine a second one makes it thirty times slower, on an idle one it gains nothing.
    """

    def __init__(self, folder: ModelFolder, options: Embed, threads: int) -> None:
        self._folder = folder
        self._options = options
        self._threads = threads
        self._shape = _read_shape(folder)
        self._model: Any = None
        self._tokenizer: Tokenizer | None = None
        self._busy = threading.Lock()
        self._queries: OrderedDict[str, NDArray[np.float32]] = OrderedDict()
        self.dimension = int(self._shape["dimension"])

    @classmethod
    def open(cls, settings: Settings, *, progress: Progress = silent) -> Self:
        return cls(resolve(settings.embed.model, settings, progress=progress), settings.embed, settings.cpu_threads)

    def identity(self) -> Identity:
        model = {"model": self._folder.name, "revision": self._folder.revision}
        return {"backend": "sentence-transformers", **model, "text": "unmarked", **self._shape}

    def tokenizer(self) -> Tokenizer:
        if self._tokenizer is None:
            self._tokenizer = Tokenizer(self._folder.path)  # about a second for a vocabulary of 250,000 pieces
        return self._tokenizer

    def embed_passages(self, texts: Sequence[str], *, progress: Progress = silent) -> NDArray[np.float32]:
        return self._embed_many(str(self._shape["passage_prefix"]), texts, progress)

    def embed_queries(self, texts: Sequence[str], *, progress: Progress = silent) -> NDArray[np.float32]:
        with self._busy:
            known = {text: self._queries[text] for text in texts if text in self._queries}
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        found = self._embed_many(str(self._shape["query_prefix"]), missing, progress)
        found.flags.writeable = False
        known |= dict(zip(missing, found, strict=True))
        self._remember(known)
        return np.stack([known[text] for text in texts]) if texts else found

    def _embed_many(self, prefix: str, texts: Sequence[str], progress: Progress) -> NDArray[np.float32]:
        """Longest first, so that a batch holds texts of one length."""
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda row: -len(texts[row]))
        for start in range(0, len(order), SLAB):
            rows = order[start : start + SLAB]
            vectors[rows] = self._encode([prefix + texts[row] for row in rows], self._threads)
            progress("embedding", min(start + SLAB, len(order)), len(order))
        return vectors

    def embed_query(self, text: str) -> NDArray[np.float32]:
        known = self._queries.get(text)
        if known is None:
            known = self._encode([str(self._shape["query_prefix"]) + text], 1)[0]
            known.flags.writeable = False
        self._remember({text: known})
        return known

    def _remember(self, queries: Mapping[str, NDArray[np.float32]]) -> None:
        """So that many questions can be embedded at once, and then be searched for one by one; the latest are kept."""
        with self._busy:
            for text, vector in queries.items():
                self._queries[text] = vector
                self._queries.move_to_end(text)
            while len(self._queries) > REMEMBERED_QUERIES:
                self._queries.popitem(last=False)

    def _encode(self, texts: list[str], threads: int) -> NDArray[np.float32]:
        clean = [unmarked(text).encode("utf-8", "replace").decode("utf-8") for text in texts]  # the tokenizer refuses lone surrogates
        with self._busy:
            if self._model is None:
                self._model = _load(self._folder, self._options.device)
            with _torch_threads(threads):
                # An empty prompt: the prefix is already there, and the folder may name a default one.
                options = {"prompt": "", "batch_size": self._options.batch_size, "show_progress_bar": False, "convert_to_numpy": False}
                raw = self._model.encode(clean, **options)
            rows = np.stack([row.float().cpu().numpy() for row in raw]).astype(np.float32, copy=False)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        if not np.isfinite(lengths).all():
            raise ModelError(f"The embedder {self._folder.name} returned numbers that are not finite.", "`atlas models verify` checks it.")
        unit: NDArray[np.float32] = rows / np.maximum(lengths, np.float32(1e-12))
        return unit


def _read_shape(folder: ModelFolder) -> dict[str, str | int]:
    """Prefixes, dimension and longest input from the folder's own json files."""
    path = folder.path
    config = _json(path / "config.json")
    pooling = _json(path / "1_Pooling" / "config.json")
    prompts = _json(path / "config_sentence_transformers.json").get("prompts") or {}
    longest = _json(path / "sentence_bert_config.json").get("max_seq_length") or config.get("max_position_embeddings")
    dimension = pooling.get("word_embedding_dimension") or pooling.get("embedding_dimension") or config.get("hidden_size")
    for module in sorted(path.glob("*_Dense/config.json")):  # a projection after the pooling changes the dimension
        dimension = _json(module).get("out_features", dimension)
    if not isinstance(dimension, int) or not isinstance(longest, int):
        what = f"{path} is not a sentence-transformers model (no dimension or no longest input in its json files)."
        raise ModelError(what, "Choose an embedding model.")
    return {
        "query_prefix": prompts.get("query", ""),
        "passage_prefix": prompts.get("passage", "") or prompts.get("document", ""),
        "dimension": dimension,
        "max_tokens": longest,
    }


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as exc:
        raise ModelError(f"{path} is damaged ({exc}).", "Fetch the model again: `atlas models fetch`.") from exc
    return loaded if isinstance(loaded, dict) else {}


def _load(folder: ModelFolder, device: str) -> SentenceTransformer:
    from safetensors import SafetensorError
    from sentence_transformers import SentenceTransformer

    quiet()
    chosen = device_for(device)
    try:
        model = SentenceTransformer(str(folder.path), device=chosen, local_files_only=True, model_kwargs={"dtype": fastest(chosen)})
    except (OSError, ValueError, RuntimeError, SafetensorError) as exc:
        reason = str(exc).splitlines()[0]
        raise ModelError(f"The embedder in {folder.path} cannot be loaded ({reason}).", "`atlas models verify` checks it.") from exc
    return model.eval()


def device_for(wanted: str) -> str:
    """The device that a setting ("auto", "cpu", "cuda:1") stands for on this machine."""
    import torch

    if wanted != "auto":
        return wanted
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


@contextmanager
def _torch_threads(count: int) -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
