"""The managed model servers: start one, look at it, stop it. One of each name per home; several callers at once get the same one."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rag.errors import ServerError
from rag.models.folder import ModelFolder, resolve
from rag.progress import Progress, silent
from rag.serve import log as logs
from rag.serve import processes, state
from rag.serve.command import Command, command
from rag.serve.state import BASE, State
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


def start(
    settings: Settings, *, name: str = BASE, folder: ModelFolder | None = None, progress: Progress = silent, wait: bool = True
) -> Server:
    """The running server with the model and options of the settings; started when there is none.

    `folder`: serve this one under its name, instead of the settings' model, by a server called `name`. With `wait`, returns
    when it answers. Raises ServerError: another model or other options are being served, the server died
    (with the cause from its log), or it did not come up within serve.start_timeout seconds.
    """
    if folder is None:
        folder = resolve(settings.generate.model, settings, progress=progress)
    else:
        settings = serving(settings, folder.name)
    wanted = command(settings, folder)
    port = settings.serve.port + (name != BASE)  # the first one is the base model's, even when that starts later
    while True:
        found = _join_or_spawn(settings, wanted, port, name)
        if not wait:
            return Server(found.url, found.pid, found.model, Path(found.log))
        try:
            return _until_ready(settings, found, progress, name)
        except _PortTaken:  # somebody else was faster between our look and vLLM's
            port = found.port + 1


def serving(settings: Settings, served: str) -> Settings:
    """The settings of a server that serves merged weights as `served`: there is no adapter to choose in it."""
    generate = settings.generate.model_copy(update={"model": served, "tokenizer": settings.generate.tokenizer or settings.generate.model})
    serve = settings.serve.model_copy(update={"lora": "off"})
    return settings.model_copy(update={"generate": generate, "serve": serve})


def status(settings: Settings, *, name: str = BASE) -> Server | Starting | None:
    """What runs now under that name; None when nothing does. Takes milliseconds."""
    found = state.read(settings.home, name)
    return _look(settings.home, found) if found is not None and found.alive else None


def stop(settings: Settings, *, name: str = "") -> bool:
    """End the server of that name, or every server of this home, with all children, and whatever an earlier one left behind.

    False when there was nothing.
    """
    with _lock(settings.home):
        for each in [name] if name else state.names(settings.home):
            state.forget(settings.home, name=each)
        return processes.end(processes.marked(state.mark_of(settings.home, name)), grace=GRACE) > 0


class _PortTaken(Exception):
    pass


def _lock(home: Path) -> BaseFileLock:
    from filelock import FileLock

    home.mkdir(parents=True, exist_ok=True)
    return FileLock(home / "serve.lock")


def _join_or_spawn(settings: Settings, wanted: Command, port: int, name: str) -> State:
    home = settings.home
    with _lock(home):
        found = state.read(home, name)
        if found is not None and found.alive:
            _refuse_another(found, settings.generate.model, wanted)
            return found
        processes.end(processes.marked(state.mark_of(home, name)), grace=GRACE)  # children of a server that was killed
        host, log, mark = settings.serve.host, logs.new_log(home, "" if name == BASE else name), state.new_mark(home, name)
        free = _free_port(host, port)
        since = time.time()
        pid = processes.spawn(wanted.at(free), mark=mark, environment=wanted.environment, log=log)
        started = State(pid, mark, settings.generate.model, wanted.options, host, free, str(log), since)
        state.write(home, started, name)
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


def _until_ready(settings: Settings, found: State, progress: Progress, name: str) -> Server:
    before = ""
    while True:
        seen = _look(settings.home, found)
        if isinstance(seen, Server):
            if before:
                state.remember_seconds(settings.home, found.options, found.since)
                progress(before, 1, 1)
            return seen
        if not found.alive:
            raise _death(settings, found, name)
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


def _death(settings: Settings, found: State, name: str) -> Exception:
    """Clean up after a server that died before it was ready, and say why it did."""
    now = state.read(settings.home, name)
    if now is None or now.mark != found.mark:
        return ServerError("The model server was stopped while it was starting.", "Start it again: atlas serve")
    with _lock(settings.home):
        state.forget(settings.home, found.mark, name=name)
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
