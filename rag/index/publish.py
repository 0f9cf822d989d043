"""Writing a version: its files in a folder beside, then one rename and the pointer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rag.errors import IndexError_
from rag.index import corpus_db, lexical, manifest, versions
from rag.index.job import Job
from rag.index.manifest import Manifest
from rag.index.opened import EXACT_VECTORS
from rag.index.store import STORES
from rag.ingest.folder import Ingested
from rag.types import Chunk

if TYPE_CHECKING:
    from numpy.typing import NDArray


def publish(job: Job, ingested: Ingested, chunks: Sequence[Chunk], vectors: NDArray[np.float32], described: Manifest) -> Manifest:
    """Write everything into a folder beside the live version, sync it, rename it, and move the pointer.

    `described` is completed with the sizes of the files, the store's details and the durations, and returned.
    """
    making = job.folder / f"{versions.BUILDING}{described.version}"
    making.mkdir()
    try:
        with job.stage("writing texts"):
            indexed = {chunk.document_id for chunk in chunks}
            corpus_db.write(making / versions.CORPUS, list({d.id: d for d in ingested.documents if d.id in indexed}.values()), chunks)
            np.save(making / EXACT_VECTORS, vectors.astype(np.float16), allow_pickle=False)
            (making / versions.IN_USE).touch()
        with job.stage("indexing words"):
            (making / versions.LEXICAL).mkdir()
            lexical.create(making / versions.LEXICAL, chunks, progress=job.progress)
        with job.stage("writing vectors"):
            job.progress("writing vectors", 0, 0)
            described = _store(job, making, [chunk.id for chunk in chunks], vectors, described)
        with job.stage("publishing"):
            described = replace(described, seconds=dict(job.seconds))
            manifest.write(making, described)
            versions.sync_tree(making)
            making.rename(job.folder / described.version)
            versions.point(job.folder, described.version)
    finally:
        if making.exists():
            _discard(job, making)
    return described


def _store(job: Job, making: Path, ids: Sequence[str], vectors: NDArray[np.float32], described: Manifest) -> Manifest:
    kind = STORES.load(job.settings.index.store)
    target = making / versions.VECTORS
    target.mkdir()
    store = kind.create(target, ids, vectors, job.settings.index)
    try:
        details = {**described.store, **store.describe()}
    finally:
        store.close()
    fixed = [making / versions.CORPUS, making / EXACT_VECTORS, *(making / versions.LEXICAL).iterdir()]
    fixed += target.iterdir() if kind.immutable else ()
    return replace(described, store=details, files={str(file.relative_to(making)): file.stat().st_size for file in sorted(fixed)})


def _discard(job: Job, making: Path) -> None:
    """After a failure. What cannot be removed now (a server that does not answer) the next build removes."""
    try:
        versions.discard(making, job.settings)
    except IndexError_:
        return
