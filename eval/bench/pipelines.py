"""Atlas against the out-of-the-box retrieval of LlamaIndex and LangChain: their readers, splitters and stores, our embedder's weights."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eval.bench.retrieval import CHUNKS, bench_retrieval
from eval.bench.scoring import Line, Scored, score, summarise
from eval.bench.sets import QaSet
from rag.embed.embedder import open_embedder
from rag.embed.sentence import device_for
from rag.errors import UserError
from rag.models.folder import resolve
from rag.models.precision import fastest
from rag.progress import Progress, silent
from rag.settings import Settings

Ranking = list[str]
Search = Callable[[str], Ranking]
"""From a question to the paths of the chunks found, best first."""


@dataclass(frozen=True, slots=True)
class Weights:
    """The embedder that every pipeline gets: the same folder, device, precision; the prefixes only in the `+ prefixes` variants."""

    folder: Path
    device: str
    dtype: Any
    query_prefix: str = ""
    passage_prefix: str = ""


@dataclass(frozen=True, slots=True)
class PipelinesReport:
    """`differences`: Atlas minus each pipeline, question by question."""

    name: str
    questions: int
    clusters: int
    systems: tuple[Line, ...]
    differences: tuple[Line, ...]


def bench_pipelines(qa_set: QaSet, settings: Settings, *, limit: int = 0, progress: Progress = silent) -> PipelinesReport:
    """The same questions to Atlas and to each pipeline, scored the same way.

    Questions stand alone here: the pipelines' defaults know no conversation, so Atlas gets none either.
    Raises UserError when the embedder is not a sentence-transformers folder.
    """
    if settings.embed.backend != "sentence-transformers":
        raise UserError(
            f"Other libraries cannot load the embedder '{settings.embed.backend}'.", 'Set embed.backend = "sentence-transformers".'
        )
    qa_set = _single_turns(qa_set)
    ours = bench_retrieval(qa_set, settings, limit=limit, progress=progress)
    final = ours.scored[-1]
    pairs = qa_set.answerable(limit)
    scored = [Scored("Atlas", final.rows)]
    for name, make in PIPELINES.items():
        for prefixes in (False, True):
            search = make(qa_set.corpus, _weights(settings, prefixes=prefixes))
            label = f"{name} + prefixes" if prefixes else name
            rankings = []
            for number, pair in enumerate(pairs, start=1):
                rankings.append(search(pair.question))
                progress(f"searching ({label})", number, len(pairs))
            scored.append(score(label, pairs, rankings, twins=ours.twins))
    lines, differences = summarise(pairs, scored, [("Atlas", each.system) for each in scored[1:]])
    return PipelinesReport(qa_set.name, len(pairs), ours.clusters, tuple(lines), tuple(differences))


def _single_turns(qa_set: QaSet) -> QaSet:
    return replace(qa_set, pairs=tuple(replace(pair, history=()) for pair in qa_set.pairs))


def _weights(settings: Settings, *, prefixes: bool) -> Weights:
    folder = resolve(settings.embed.model, settings)
    identity = open_embedder(settings).identity()
    device = device_for(settings.embed.device)
    if not prefixes:
        return Weights(folder.path, device, fastest(device))
    return Weights(folder.path, device, fastest(device), str(identity["query_prefix"]), str(identity["passage_prefix"]))


def llama_index(corpus: Path, weights: Weights) -> Search:
    """SimpleDirectoryReader, VectorStoreIndex with the default SentenceSplitter (1024 tokens, overlap 200), its retriever."""
    from llama_index.core import SimpleDirectoryReader, VectorStoreIndex
    from llama_index.core.node_parser import SentenceSplitter
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding

    embedder = HuggingFaceEmbedding(
        str(weights.folder),
        device=weights.device,
        query_instruction=weights.query_prefix or None,
        text_instruction=weights.passage_prefix or None,
        model_kwargs={"dtype": weights.dtype},
    )
    _unlink_word_lists()
    documents = SimpleDirectoryReader(str(corpus), recursive=True).load_data()
    index = VectorStoreIndex.from_documents(documents, embed_model=embedder, transformations=[SentenceSplitter()])
    retriever = index.as_retriever(similarity_top_k=CHUNKS)
    root = corpus.resolve()

    def search(question: str) -> Ranking:
        return [Path(found.node.metadata["file_path"]).resolve().relative_to(root).as_posix() for found in retriever.retrieve(question)]

    return search


def _unlink_word_lists() -> None:
    """Give LlamaIndex's sentence splitter a copy of its word lists: an installer links them, and nltk opens no file with two links."""
    import llama_index.core

    if "NLTK_DATA" in os.environ:
        return
    shipped = Path(llama_index.core.__file__).parent / "_static" / "nltk_cache"
    scratch = tempfile.mkdtemp(prefix="atlas-nltk-")
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    shutil.copytree(shipped, scratch, dirs_exist_ok=True)
    os.environ["NLTK_DATA"] = scratch


def langchain(corpus: Path, weights: Weights) -> Search:
    """Files read as text (what TextLoader does), RecursiveCharacterTextSplitter 1000/200 (the tutorial's), in-memory similarity search."""
    from langchain_core.documents import Document
    from langchain_core.vectorstores import InMemoryVectorStore
    from langchain_huggingface import HuggingFaceEmbeddings
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    embedder = HuggingFaceEmbeddings(
        model_name=str(weights.folder),
        model_kwargs={"device": weights.device, "model_kwargs": {"dtype": weights.dtype}},
        encode_kwargs={"prompt": weights.passage_prefix} if weights.passage_prefix else {},
        query_encode_kwargs={"prompt": weights.query_prefix} if weights.query_prefix else {},
    )
    files = sorted(path for path in corpus.rglob("*") if path.is_file())
    documents = [Document(file.read_text(encoding="utf-8"), metadata={"source": file.relative_to(corpus).as_posix()}) for file in files]
    splitter = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200)
    store = InMemoryVectorStore.from_documents(splitter.split_documents(documents), embedder)

    def search(question: str) -> Ranking:
        return [str(found.metadata["source"]) for found in store.similarity_search(question, k=CHUNKS)]

    return search


PIPELINES: dict[str, Callable[[Path, Weights], Search]] = {"LlamaIndex": llama_index, "LangChain": langchain}
