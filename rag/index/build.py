"""Building an index: read, split, embed what is new, write beside the live version, swap."""

from __future__ import annotations

import errno
import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import rag.ingest
from rag.embed.embedder import Embedder, open_embedder
from rag.errors import IndexError_, InputError
from rag.index import embeddings, manifest, report, sources, versions
from rag.index.corpus_db import CorpusDb
from rag.index.embeddings import Embeddings
from rag.index.job import Job
from rag.index.manifest import Manifest
from rag.index.publish import publish
from rag.index.report import BuildReport
from rag.ingest.folder import Ingested, read_folder
from rag.ingest.readings import Readings
from rag.ingest.split import split
from rag.progress import Progress, silent
from rag.settings import Settings
from rag.types import Chunk

__all__ = ["BuildReport", "build"]

SLAB = 64
"""Texts embedded between two commits: what a kill can cost."""
READINGS = "readings.db"
SPECIAL_TOKENS = 2  # the start and the end that an encoder adds


def build(
    settings: Settings,
    *,
    corpus: Path | None = None,
    progress: Progress = silent,
    wait: bool = True,
    embedder: Embedder | None = None,
) -> BuildReport:
    """Build the index that the settings name from a folder and make it live.

    `corpus`: that folder alone; None = `settings.corpus` with the uploads and folders that were added to it (`rag.index.sources`).
    Whatever happens on the way, the live version stays as it is; what was embedded is kept for the next try.
    `embedder`: one that is open already (else the settings' own is opened). Raises InputError for the folder,
    ModelError for the embedder, IndexError_ when another build runs and `wait` is False, or the disk is full.
    """
    folder = versions.folder_of(settings)
    root, also = (corpus, {}) if corpus else sources.folders(settings)
    with _disk(folder), versions.building(folder, wait=wait, progress=progress):
        notes = versions.clean(folder, settings)
        job = Job(settings, folder, sources.named(root, also), embedder or open_embedder(settings, progress=progress), progress)
        with job.stage("reading"), Readings(folder / READINGS, maker=f"{_code()} {settings.ingest.max_file_mb}") as readings:
            ingested = read_folder(root, settings.ingest, also=also, readings=readings, progress=progress)
        with job.stage("splitting"):
            chunks = _split(job, ingested)
        described = _describe(job, ingested, chunks)
        same = _live_if_same(job, described)
        if same is None:
            described, embedded = _embed_and_publish(job, ingested, chunks, described)
        else:
            described, embedded = same, 0
        notes += versions.prune(folder, settings)
        made = BuildReport(
            name=settings.index.name,
            version=described.version,
            documents=described.documents,
            chunks=described.chunks,
            embedded=embedded,
            reused=described.chunks - embedded,
            truncated=described.truncated,
            problems=ingested.problems,
            duplicates=ingested.duplicates,
            ignored=ingested.ignored,
            seconds=dict(job.seconds),
            unchanged=same is not None,
            notes=tuple(notes),
        )
        report.write(folder, made)
        return made


def _split(job: Job, ingested: Ingested) -> list[Chunk]:
    chunks: dict[str, Chunk] = {}
    with closing(_live_corpus(job)) as live:
        for done, document in enumerate(ingested.documents, start=1):
            # Asked for its tokenizer only now: a large vocabulary takes a second to load, and often nothing is to be split.
            of_it = live.chunks_if_same(document) or split(document, job.embedder.tokenizer(), job.settings.ingest)
            chunks.update((chunk.id, chunk) for chunk in of_it)
            job.progress("splitting", done, len(ingested.documents))
    if not chunks:
        raise InputError(f"No text to index in {job.root} ({len(ingested.documents)} documents without a word).", "Add documents.")
    return list(chunks.values())


def _live_corpus(job: Job) -> CorpusDb:
    """The live version's texts, if the same splitter cut them for the same tokenizer; else an empty corpus."""
    name = versions.live(job.folder)
    try:
        there = manifest.read(job.folder / name)
        manifest.check_files(job.folder / name, there)
        if (there.chunker, there.embedder) == (_chunker(job), job.embedder.identity()):
            return CorpusDb(job.folder / name / versions.CORPUS)
    except IndexError_:
        return CorpusDb.empty()  # nothing was built yet, or it is damaged
    return CorpusDb.empty()


def _chunker(job: Job) -> dict[str, str | int]:
    """What decides how a document is cut; the splitter's own code belongs to it."""
    ingest = job.settings.ingest
    return {"chunk_tokens": ingest.chunk_tokens, "overlap_tokens": ingest.overlap_tokens, "code": _code()}


@cache
def _code() -> str:
    digest = hashlib.sha256()
    for file in sorted(Path(rag.ingest.__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _describe(job: Job, ingested: Ingested, chunks: Sequence[Chunk]) -> Manifest:
    """The manifest as far as it is known before anything is embedded."""
    digest = hashlib.sha256()
    for document in ingested.documents:
        parts = (document.id, document.title, document.language, document.media, sorted(document.metadata.items()), document.pages)
        digest.update(json.dumps([*parts, [[h.start, h.level, h.text] for h in document.headings]]).encode())
    for chunk in chunks:
        digest.update(json.dumps([chunk.id, chunk.header, chunk.language, chunk.page, sorted(chunk.metadata.items())]).encode())
    return Manifest(
        version=versions.new_name(job.folder),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        corpus=str(job.root),
        corpus_hash=digest.hexdigest(),
        documents=len({chunk.document_id for chunk in chunks}),
        chunks=len(chunks),
        truncated=0,
        languages=dict(Counter(document.language for document in ingested.documents).most_common()),
        embedder=job.embedder.identity(),
        chunker=_chunker(job),
        store={"name": job.settings.index.store, "url": job.settings.index.url, "asked": _asked(job, len(chunks))},
        seconds={},
        files={},
    )


def _asked(job: Job, count: int) -> str:
    if job.settings.index.store != "faiss":
        return "its own"
    from rag.index.faiss_store import choose

    return choose(count, job.settings.index)


def _live_if_same(job: Job, described: Manifest) -> Manifest | None:
    """The live version's manifest, when building would only make the same again; None = build."""
    name = versions.live(job.folder)
    if not name:
        return None
    try:
        there = manifest.read(job.folder / name)
        manifest.check_files(job.folder / name, there)
    except IndexError_:
        return None  # a damaged version is the best reason to build
    store = {key: there.store.get(key) for key in described.store}
    old = (there.corpus_hash, there.chunker, there.embedder, store)
    return there if old == (described.corpus_hash, described.chunker, described.embedder, described.store) else None


def _embed_and_publish(job: Job, ingested: Ingested, chunks: Sequence[Chunk], described: Manifest) -> tuple[Manifest, int]:
    identity = job.embedder.identity()
    with Embeddings(job.folder / "embeddings.db", job.embedder.dimension) as cache:
        with job.stage("looking up"):
            keys = [embeddings.key(identity, chunk.embedded_text) for chunk in chunks]
            texts = {key: chunk.embedded_text for key, chunk in zip(keys, chunks, strict=True)}
            known = cache.known(list(texts))
        with job.stage("embedding"):
            embedded = _embed(job, cache, {key: text for key, text in texts.items() if key not in known})
        with job.stage("looking up"):
            vectors = cache.vectors(keys)
        described = publish(job, ingested, chunks, vectors, replace(described, truncated=_too_long(job, chunks)))
        with job.stage("publishing"):
            cache.prune(keys)
    return described, embedded


def _embed(job: Job, cache: Embeddings, missing: Mapping[bytes, str]) -> int:
    """Embed the texts that the cache lacks, longest first, so that the texts of a batch are of one length."""
    order = sorted(missing, key=lambda key: -len(missing[key]))
    for start in range(0, len(order), SLAB):
        job.progress("embedding", start, len(order))
        slab = order[start : start + SLAB]
        cache.put(slab, job.embedder.embed_passages([missing[key] for key in slab]))
    if order:
        job.progress("embedding", len(order), len(order))
    return len(order)


def _too_long(job: Job, chunks: Sequence[Chunk]) -> int:
    """How many chunks the embedder cuts off. Nothing is counted when the largest chunk the settings allow fits."""
    identity, counter = job.embedder.identity(), job.embedder.tokenizer()
    room = int(identity["max_tokens"]) - counter.count(str(identity["passage_prefix"])) - SPECIAL_TOKENS
    if job.settings.ingest.chunk_tokens <= room:
        return 0
    return sum(counter.count(chunk.embedded_text) > room for chunk in chunks)


@contextmanager
def _disk(folder: Path) -> Iterator[None]:
    """A full disk is the user's to mend: one line. Other trouble with files keeps its traceback."""
    do = "Free some space and build again: what was embedded so far is kept, and the live version is untouched."
    try:
        yield
    except OSError as exc:
        short_write = exc.errno is None and " requested and " in str(exc)  # how numpy tells it
        if not short_write and exc.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise IndexError_(f"The disk is full: cannot write in {folder} ({exc.strerror or exc}).", do) from exc
    except sqlite3.OperationalError as exc:
        if not any(word in str(exc) for word in ("full", "I/O")):
            raise
        raise IndexError_(f"The disk is full: cannot write in {folder} ({exc}).", do) from exc
