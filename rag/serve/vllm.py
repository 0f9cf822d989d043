"""The managed model server: start it, look at it, stop it. One per home; several callers at once get the same one."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rag.errors import ServerError
from rag.models.folder import resolve
from rag.progress import Progress, silent
from rag.serve import log as logs
from rag.serve import processes, state
from rag.serve.command import Command, command
from rag.serve.state import State
from rag.settings import Settings

if TYPE_CHECKING:
    from filelock import BaseFileLock

PORTS = 20
"""How many ports are tried, from serve.port upwards."""
GRACE = 15.0
"""Seconds that a server gets to end by itself before it is killed."""
POLL = 0.25


@dataclass(frozen=True, slots=True)
class Server:
    """A server of ours. `served`: the model and the adapters it answers for; empty while it is not ready (`wait=False`)."""

    url: str
    pid: int
    model: str
    log: Path
    served: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Starting:
    """A server that does not answer yet. `seconds` since its start, `expected`: what the last start took (0 = not known)."""

    url: str
    pid: int
    model: str
    log: Path
    stage: str
    seconds: float
    expected: float = 0.0

    def __str__(self) -> str:
        of = f" of about {self.expected:.0f}" if self.expected else ""
        return f"model server is starting: {self.stage} ({self.seconds:.0f}{of} s)"


def start(settings: Settings, *, progress: Progress = silent, wait: bool = True) -> Server:
    """The running server with the model and options of the settings; started when there is none.

    With `wait`, returns when it answers. Raises ServerError: another model or other options are being served, the server died
    (with the cause from its log), or it did not come up within serve.start_timeout seconds.
    """
    folder = resolve(settings.generate.model, settings, progress=progress)
    wanted = command(settings, folder)
    port = settings.serve.port
    while True:
        found = _join_or_spawn(settings, wanted, port)
        if not wait:
            return Server(found.url, found.pid, found.model, Path(found.log))
        try:
            return _until_ready(settings, found, progress)
        except _PortTaken:  # somebody else was faster between our look and vLLM's
            port = found.port + 1


def status(settings: Settings) -> Server | Starting | None:
    """What runs now; None when nothing does. Takes milliseconds."""
    found = state.read(settings.home)
    return _look(settings.home, found) if found is not None and found.alive else None


def stop(settings: Settings) -> bool:
    """End the server of this home with all its children, and whatever an earlier one left behind; False when there was nothing."""
    with _lock(settings.home):
        state.forget(settings.home)
        return processes.end(processes.marked(state.mark_of(settings.home)), grace=GRACE) > 0


class _PortTaken(Exception):
    pass


def _lock(home: Path) -> BaseFileLock:
    from filelock import FileLock

    home.mkdir(parents=True, exist_ok=True)
    return FileLock(home / "serve.lock")


def _join_or_spawn(settings: Settings, wanted: Command, port: int) -> State:
    home = settings.home
    with _lock(home):
        found = state.read(home)
        if found is not None and found.alive:
            _refuse_another(found, settings.generate.model, wanted)
            return found
        processes.end(processes.marked(state.mark_of(home)), grace=GRACE)  # children of a server that was killed
        host, log, mark = settings.serve.host, logs.new_log(home), state.new_mark(home)
        free = _free_port(host, port)
        since = time.time()
        pid = processes.spawn(wanted.at(free), mark=mark, environment=wanted.environment, log=log)
        started = State(pid, mark, settings.generate.model, wanted.options, host, free, str(log), since)
        state.write(home, started)
        return started


def _refuse_another(found: State, model: str, wanted: Command) -> None:
    if found.model != model:
        raise ServerError(f"The model server (pid {found.pid}) serves {found.model}, not {model}.", "Stop it first: atlas serve --stop")
    if found.options != wanted.options:
        raise ServerError(
            f"The model server (pid {found.pid}) runs with other settings than the present ones.", "Stop it first: atlas serve --stop"
        )


def _free_port(host: str, first: int) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in range(first, min(first + PORTS, 65536)):
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
                probe.listen(1)
            except OSError:
                continue
            return port
    raise ServerError(f"No port of {host} from {first} on is free ({PORTS} tried).", "Set serve.port, and check serve.host.")


def _look(home: Path, found: State) -> Server | Starting:
    served = _served(found.url)
    log = Path(found.log)
    if found.model in served:
        return Server(found.url, found.pid, found.model, log, served)
    stage, expected = logs.stage_of(logs.text_of(log)), state.expected_seconds(home, found.options)
    return Starting(found.url, found.pid, found.model, log, stage, time.time() - found.since, expected)


def _served(url: str) -> tuple[str, ...]:
    """Names that the server answers for; empty when it does not answer, or is not healthy."""
    import httpx

    try:
        with httpx.Client(timeout=2.0, trust_env=False, verify=False) as client:  # plain http: no certificates to load
            if client.get(url.removesuffix("/v1") + "/health").status_code != 200:
                return ()
            return tuple(str(row["id"]) for row in client.get(f"{url}/models").json()["data"])
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return ()


def _until_ready(settings: Settings, found: State, progress: Progress) -> Server:
    before = ""
    while True:
        seen = _look(settings.home, found)
        if isinstance(seen, Server):
            if before:
                state.remember_seconds(settings.home, found.options, found.since)
                progress(before, 1, 1)
            return seen
        if not found.alive:
            raise _death(settings, found)
        if seen.seconds > settings.serve.start_timeout:
            raise ServerError(
                f"The model server is not ready after {seen.seconds:.0f} s ({seen.stage}).",
                f"Wait with a larger serve.start_timeout, or stop it: atlas serve --stop. Its log: {found.log}",
            )
        stage = f"model server: {seen.stage}"
        if before not in ("", stage):
            progress(before, 1, 1)
        before = stage
        progress(stage, int(seen.seconds), max(int(seen.expected), int(seen.seconds) + 1) if seen.expected else 0)
        time.sleep(POLL)


def _death(settings: Settings, found: State) -> Exception:
    """Clean up after a server that died before it was ready, and say why it did."""
    now = state.read(settings.home)
    if now is None or now.mark != found.mark:
        return ServerError("The model server was stopped while it was starting.", "Start it again: atlas serve")
    with _lock(settings.home):
        state.forget(settings.home, found.mark)
        processes.end(processes.marked(found.mark), grace=GRACE)
    if logs.cause_of(logs.text_of(Path(found.log)))[0] == "port":
        return _PortTaken()
    return explained(settings, Path(found.log))


def explained(settings: Settings, log: Path) -> ServerError:
    """Why a server died, as far as its log says: the line for the user."""
    cause, words = logs.cause_of(logs.text_of(log))
    what, do = EXPLAINED[cause]
    said = f" ({words})" if words else ""
    values = {"model": settings.generate.model, "length": settings.serve.max_model_len}
    return ServerError(f"The model server died: {what.format(**values)}{said}.", f"{do} Its log: {log}")


EXPLAINED: dict[logs.Cause, tuple[str, str]] = {
    "memory": ("not enough memory", "Close other programs, lower serve.kv_cache_gb, or use --profile tiny."),
    "model": ("the folder of {model} cannot be served", "Check it: atlas models verify."),
    "length": ("serve.max_model_len = {length} does not suit {model}", "Set a smaller one."),
    "option": ("vLLM refused an argument", "Correct serve.args."),
    "port": ("its port was taken by another program", "Start it again: atlas serve."),
    "missing": ("vLLM is not installed", "Run make setup, or set generate.backend to transformers."),
    "unknown": ("the cause is not known", "Read the end of its log, or set generate.backend to transformers."),
}
"""For each cause: what happened, and what to do."""
