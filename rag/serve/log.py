"""The model server's log: where it lies, how far a start has come, and why a start failed."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Literal

KEEP = 10
"""Logs of one server kept in <home>/logs, the newest ones."""
DIGITS = "[0-9]"

STAGES = (
    ("non-default args", "reading the model's configuration"),
    ("Resolved architecture", "starting the engine"),
    ("Starting to load model", "loading weights"),
    ("Loading weights took", "preparing the weights"),
    ("Warming up model", "compiling and warming up"),
    ("Warming up done", "making room for the cache"),
    ("init engine (", "opening the port"),
)
"""A line of vLLM's log, and what the server does from then on; in the order in which they come."""

FIRST_STAGE = "loading libraries"

Cause = Literal["memory", "port", "model", "length", "option", "missing", "unknown"]

CAUSES: tuple[tuple[Cause, str], ...] = (
    ("port", r"address already in use"),
    (
        "memory",
        r"out of memory|MemoryError|cannot allocate memory|is less than (?:requested memory|desired)|larger than the available KV cache",
    ),
    ("missing", r"No module named 'vllm|No module named vllm"),
    ("option", r"error: (?:unrecognized arguments|argument |ambiguous option|the following arguments).*"),
    ("length", r"max_model_len \(\d+\) is greater than[^\n]*|[^\n]*maximum model length[^\n]*"),
    (
        "model",
        r"(?:Can't load|Unable to load|does not recognize this|Cannot find any model weights|not a valid (?:JSON|model)"
        r"|No such file or directory|Invalid repository ID"
        r"|are not supported for now|HeaderTooLarge|SafetensorError|InvalidHeader|MetadataIncomplete)[^\n]*",
    ),
)

_FIRST_ERROR = re.compile(r"^(?:\([^)]*\)\s*)?(?:ERROR [\d:. -]+\[[^\]]*\]\s*)?((?:[\w.]*(?:Error|Exception)): .+)$", re.M)


def new_log(home: Path, name: str = "") -> Path:
    """An empty log with the server's name and the time in its own; the oldest ones beyond KEEP are removed."""
    folder = home / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"vllm-{name}-" if name else "vllm-"
    logs = sorted(folder.glob(f"{stem}{DIGITS * 8}-{DIGITS * 6}-{DIGITS * 6}.log"))
    for old in logs[: max(0, len(logs) - KEEP + 1)]:
        old.unlink(missing_ok=True)
    path = folder / f"{stem}{datetime.now():%Y%m%d-%H%M%S-%f}.log"
    path.touch()
    return path


def text_of(log: Path) -> str:
    try:
        return log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def stage_of(text: str) -> str:
    """What the server is doing, from the log so far."""
    for line, stage in reversed(STAGES):
        if line in text:
            return stage
    return FIRST_STAGE


def cause_of(text: str) -> tuple[Cause, str]:
    """Why a start failed, and the words of the log that say so. "unknown" with the first error of the log, or nothing."""
    for cause, pattern in CAUSES:
        match = re.search(pattern, text, re.I)
        if match:
            return cause, " ".join(match.group(0).split())
    match = _FIRST_ERROR.search(text)
    return "unknown", match.group(1).strip()[:300] if match else ""
