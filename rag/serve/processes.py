"""The processes of a model server: started apart from ours, recognised by a mark in their environment, ended to the last one.

A pid alone says nothing (it is used again), a parent that was killed leaves children behind, and vLLM's children rename
themselves. So every process of a server carries MARK in its environment, which children inherit.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import psutil

MARK = "ATLAS_MODEL_SERVER"
ORPHAN_GRACE = 1.0
"""vLLM's children do not listen to signals; they end by their parent's word or not at all."""

EXEC_SECONDS = 5.0

_children: list[subprocess.Popen[bytes]] = []  # ours while this process lives: polled, so that a dead one is not a zombie


def spawn(command: Sequence[str], *, mark: str, environment: Mapping[str, str], log: Path) -> int:
    """Start a command as the leader of its own session, its output in `log`; returns its pid. It outlives this process."""
    # setproctitle, which vLLM uses, would overwrite the environment that the mark is read from.
    marked = {**environment, MARK: mark, "SPT_NOENV": "1"}
    with log.open("ab") as output:
        child = subprocess.Popen(
            command, env=marked, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    _children.append(child)
    until = time.monotonic() + EXEC_SECONDS
    while child.poll() is None and not alive(child.pid, mark) and time.monotonic() < until:
        time.sleep(0.01)  # for a moment after exec the environment of a process reads as empty
    return child.pid


def alive(pid: int, mark: str) -> bool:
    """Whether that very process runs. A zombie does not, and another process that was given the same pid does not count."""
    _reap()
    try:
        return _mark(psutil.Process(pid)) == mark
    except psutil.NoSuchProcess:
        return False


def marked(prefix: str) -> list[psutil.Process]:
    """Every running process whose mark starts with `prefix`."""
    _reap()
    return [process for process in psutil.process_iter() if _mark(process).startswith(prefix)]


def end(processes: Iterable[psutil.Process], *, grace: float) -> int:
    """Ask them to stop (SIGTERM to their groups) and kill what is left; returns how many there were.

    The leader of a group gets `grace` seconds to stop its children and itself; children without a leader get ORPHAN_GRACE.
    """
    found = list(processes)
    for group in {group for process in found if (group := _group(process)) and group != os.getpgrp()}:
        _signal_group(group)
    psutil.wait_procs([process for process in found if _group(process) == process.pid], timeout=grace)
    _, left = psutil.wait_procs(found, timeout=min(grace, ORPHAN_GRACE))
    for process in left:
        try:
            process.kill()  # psutil refuses a pid that was given to another process meanwhile
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(left, timeout=10)
    _reap()
    return len(found)


def _group(process: psutil.Process) -> int:
    try:
        return os.getpgid(process.pid)
    except ProcessLookupError:
        return 0


def _signal_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGTERM)
    except ProcessLookupError:
        return


def _mark(process: psutil.Process) -> str:
    try:
        return str(process.environ().get(MARK, ""))
    except (psutil.Error, OSError):  # gone, a zombie, or somebody else's
        return ""


def _reap() -> None:
    _children[:] = [child for child in _children if child.poll() is None]
