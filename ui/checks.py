"""What `atlas doctor` looks at: one function per subject, each yielding findings that say what to do."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rag.errors import UserError
from rag.models.precision import emulates_bfloat16, flags, gigabytes_of_server
from rag.settings import Settings

LOCK = Path(__file__).resolve().parents[1] / "requirements.lock"


@dataclass(frozen=True, slots=True)
class Finding:
    """`ok`; `warn`: works, or will see to it itself; `fail`: must be mended first. `do`: how."""

    status: Literal["ok", "warn", "fail"]
    what: str
    do: str = ""


Check = Callable[[Settings], Iterator[Finding]]


def python(_: Settings) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    if (3, 11) <= sys.version_info[:2] <= (3, 12):
        yield Finding("ok", f"Python {version}")
    else:
        yield Finding("fail", f"Python {version} is not supported.", "Use 3.11 or 3.12: make setup PYTHON=/path/to/python3.11")


def installation(_: Settings) -> Iterator[Finding]:
    if not LOCK.is_file():
        yield Finding("warn", "No requirements.lock beside the installation, so versions were not compared.")
        return
    pinned = dict(re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)$", LOCK.read_text(encoding="utf-8"), re.M))
    here = {re.sub(r"[-_.]+", "-", dist.metadata["Name"]).lower(): dist.version for dist in importlib.metadata.distributions()}
    if "vllm" in here:
        yield Finding("ok", f"{len(here)} packages, with vLLM for a GPU (not compared with the lock, which is for a CPU)")
        return
    missing = [name for name in pinned if name not in here]
    other = [f"{name} {here[name]} (lock: {version})" for name, version in pinned.items() if name in here and here[name] != version]
    if missing:
        yield Finding("fail", f"{len(missing)} of {len(pinned)} packages are missing: {_few(missing)}.", "Run: make setup")
    if other:
        yield Finding("warn", f"{len(other)} packages have another version than the lock: {_few(other)}.", "Run: make setup")
    if not missing and not other:
        yield Finding("ok", f"{len(pinned)} packages as in requirements.lock")


def processor(settings: Settings) -> Iterator[Finding]:
    known = flags()
    fast = sorted(known & {"amx_bf16", "avx512_bf16", "bf16"})
    cores = f"{settings.cpu_threads} threads of {os.cpu_count()}"
    if fast:
        yield Finding("ok", f"CPU: {cores}, bfloat16 in hardware ({', '.join(fast)})")
    elif "avx2" in known or "asimd" in known:
        yield Finding("warn", f"CPU: {cores}, no bfloat16 instructions: models run, but slower.", "Try --profile tiny if it is too slow.")
    elif known:
        yield Finding(
            "fail", "This CPU has neither AVX2 nor NEON, which vLLM needs.", "Use --set generate.backend=transformers, or another machine."
        )
    else:
        yield Finding("warn", f"CPU: {cores}; its features cannot be read on this system.")


def memory(settings: Settings) -> Iterator[Finding]:
    import psutil

    free = psutil.virtual_memory().available / 2**30
    needed = 2.0 if settings.generate.backend in ("openai", "scripted") else _server_gb(settings)
    what = f"{free:.1f} GiB of memory free, about {needed:.1f} wanted"
    yield Finding("ok", what) if free >= needed else Finding("warn", f"{what}.", "Close other programs, or use --profile tiny.")


def disk(settings: Settings) -> Iterator[Finding]:
    folder = settings.home
    while not folder.exists():
        folder = folder.absolute().parent
    free = shutil.disk_usage(folder).free / 2**30
    what = f"{free:.1f} GiB of disk free for {settings.home}"
    if free < 1:
        yield Finding("fail", f"Only {what}.", "Make room, or set `home` elsewhere.")
    elif free < 5:
        yield Finding("warn", f"{what}; fetching models wants about 3.", "Make room, or set `home` elsewhere.")
    else:
        yield Finding("ok", what)
    if not os.access(folder, os.W_OK):
        yield Finding("fail", f"{folder} cannot be written.", "Change its owner, or set `home` elsewhere.")


def models(settings: Settings) -> Iterator[Finding]:
    from rag.models.folder import resolve
    from rag.models.wanted import wanted

    for name in wanted(settings):
        try:
            folder = resolve(name, settings, fetch=False)
        except UserError as exc:
            yield Finding("warn", exc.what, exc.do)
        else:
            yield Finding("ok", f"model {folder.name}, revision {folder.revision}")


def index(settings: Settings) -> Iterator[Finding]:
    folder = settings.home / "indexes" / settings.index.name
    pointer = folder / "current"
    if not pointer.is_file():
        yield Finding("warn", f"No index '{settings.index.name}' yet.", "Build it: atlas index build")
        return
    version = pointer.read_text(encoding="utf-8").strip()
    if (folder / version / "manifest.json").is_file():
        yield Finding("ok", f"index {settings.index.name}, version {version}")
    else:
        yield Finding(
            "fail", f"The index {settings.index.name} points at {version}, which is not there.", "atlas index rollback, or build it again."
        )


def ports(settings: Settings) -> Iterator[Finding]:
    pairs = [("chat page", settings.ui.host, settings.ui.port, "ui.port")]
    if settings.generate.backend == "vllm" and not _answers(_server_url(settings)):
        pairs.append(("model server", settings.serve.host, settings.serve.port, "serve.port"))
    for name, host, port, key in pairs:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as exc:
                yield Finding("warn", f"port {port} for the {name}: {exc.strerror}.", f"The next free one is taken, or set {key}.")
            else:
                yield Finding("ok", f"port {port} is free for the {name}")


def server(settings: Settings) -> Iterator[Finding]:
    backend = settings.generate.backend
    if backend not in ("vllm", "openai"):
        yield Finding("ok", f"no model server needed (generate.backend = {backend})")
        return
    url = _server_url(settings)
    if backend == "openai" and not url:
        yield Finding("fail", "generate.backend is openai and generate.base_url is empty.", "Set it, as in http://host:8000/v1")
    elif _answers(url):
        yield Finding("ok", f"model server answers at {url}")
    elif backend == "openai":
        yield Finding("fail", f"No server answers at {url}.", "Start it, or correct generate.base_url.")
    else:
        yield Finding("warn", f"The model server is not running at {url}.", "It starts with `atlas up`, or now: atlas serve")


CHECKS: tuple[Check, ...] = (python, installation, processor, memory, disk, models, index, ports, server)


def _server_url(settings: Settings) -> str:
    return settings.generate.base_url if settings.generate.backend == "openai" else f"http://{settings.serve.host}:{settings.serve.port}/v1"


def _answers(url: str) -> bool:
    """Whether an OpenAI-compatible server is there; one that wants a key counts."""
    import httpx

    try:
        return httpx.get(f"{url.rstrip('/')}/models", timeout=3.0).status_code in (200, 401, 403)
    except (httpx.HTTPError, httpx.InvalidURL, OSError):
        return False


def _server_gb(settings: Settings) -> float:
    precision: Literal["bfloat16", "float32"] = "float32" if emulates_bfloat16() else "bfloat16"
    return gigabytes_of_server(_weights_gb(settings), settings.serve.kv_cache_gb, precision)


def _weights_gb(settings: Settings) -> float:
    from rag.models.catalogue import find

    entry = find(settings.generate.model)
    return entry.size_mb / 1024 if entry else 2.0


def _few(items: list[str]) -> str:
    return ", ".join(items[:4]) + (f" and {len(items) - 4} more" if len(items) > 4 else "")
