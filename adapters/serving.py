"""Adapters brought into service and taken out of it while everything else goes on answering."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from adapters import canary, merge, store
from adapters.canary import Report
from adapters.card import Card, problems
from adapters.card import check as check_card
from adapters.gate import Decision
from adapters.gate import route as decide
from adapters.store import Stored
from rag.errors import ServerError, UserError
from rag.generate import routes
from rag.generate.routes import Route
from rag.progress import Progress, silent
from rag.serve import lora, vllm
from rag.serve.state import BASE
from rag.settings import Settings

if TYPE_CHECKING:
    from filelock import BaseFileLock

SETTLE = 0.5
"""Seconds after a route was removed, in which a request that had looked it up before still reaches the server."""
GRACE = 60.0
"""Seconds that requests in flight get to finish before a server is stopped."""
SERVED = ".served"
"""Folder in <home>/adapters with the copies that servers load: training an adapter anew does not change what answers."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load did: where the adapter is answered now, why there, and the proof that it is itself."""

    route: Route
    decision: Decision
    report: Report


def load(name: str, settings: Settings, *, progress: Progress = silent) -> Loaded:
    """Bring the adapter into service: gate, merge, server, proof of identity, and only then its route.

    A running assistant takes it from its next question on. When the adapter is loaded already with other weights, those answer
    until the new ones are ready. Raises UserError (card, gate, merge, server, identity); then nothing has changed.
    """
    stored = store.find(name, settings.home)
    card = Card.read(stored.folder)
    check_card(card, stored.folder, settings)
    decision = decide(card, settings)
    with _lock(settings):
        before = routes.read(settings.home).get(name)
        route = _opened(stored, card, decision, settings, progress)
        try:
            report = canary.demand(canary.prove(route, settings, progress=progress))
        except BaseException:
            if before != route:
                _close(route, settings, grace=0)
            _sweep(settings)
            raise
        routes.publish(settings.home, route)
        if before is not None and before != route:
            _close(before, settings)
        _sweep(settings)
        merge.forget(name, settings, but=card.sha256)
    return Loaded(route, decision, report)


def unload(name: str, settings: Settings) -> bool:
    """Take it out of service: no new question reaches it, those being answered are finished. False when it was not loaded."""
    with _lock(settings):
        route = routes.withdraw(settings.home, store.check_name(name))
        if route is None:
            return False
        _close(route, settings)
        _sweep(settings)
        return True


def delete(name: str, settings: Settings) -> None:
    """Remove the adapter and its merged model from the disk. Raises UserError: unknown, shipped, or in service."""
    if name in routes.read(settings.home):
        raise UserError(f"The adapter '{name}' is loaded.", f"Unload it first: atlas adapters unload {name}")
    store.delete(name, settings.home)
    merge.forget(name, settings)


def restore(settings: Settings, *, progress: Progress = silent) -> list[Loaded]:
    """Load again what was loaded for this base model and whose server does not run any more (after a restart of the machine)."""
    gone = [route for route in routes.Routes(settings).loaded().values() if not running(route, settings)]
    return [load(route.adapter, settings, progress=progress) for route in gone]


def bring_up(settings: Settings, *, progress: Progress = silent) -> list[Loaded]:
    """What a start should bring into service: what was loaded before for this base model, else the first adapter that ships for it."""
    if routes.Routes(settings).loaded():
        return restore(settings, progress=progress)
    fitting = (name for name in store.names(settings.home) if store.find(name, settings.home).shipped and _fits(name, settings))
    name = next(fitting, None)
    return [load(name, settings, progress=progress)] if name else []


def _fits(name: str, settings: Settings) -> bool:
    folder = store.find(name, settings.home).folder
    return not problems(Card.read(folder), folder, settings)


def running(route: Route, settings: Settings) -> bool:
    """Whether the route's server answers for it now."""
    if route.way == "in-process" or not route.server:
        return True
    server = vllm.status(settings, name=route.server)
    return isinstance(server, vllm.Server) and route.served in server.served


def _lock(settings: Settings) -> BaseFileLock:
    """One load or unload at a time."""
    from filelock import FileLock

    settings.home.mkdir(parents=True, exist_ok=True)
    return FileLock(settings.home / "adapters.lock")


def _opened(stored: Stored, card: Card, decision: Decision, settings: Settings, progress: Progress) -> Route:
    """Everything up for the adapter to answer, but for the published route."""
    backend, sha256 = settings.generate.backend, card.sha256
    served, bias = merge.served_name(stored.name, sha256), tuple(sorted(card.bias.items()))
    route = Route(stored.name, decision.route, served, sha256, settings.generate.model, bias=bias)
    if backend == "openai":
        return _at_endpoint(replace(route, served=stored.name), settings)
    if backend == "scripted":
        return route
    if decision.route == "merged":
        vllm.start(settings, progress=progress)  # first: it may be refused, and merging takes a minute
        folder = merge.merge(stored.name, settings, progress=progress)
        route = replace(route, server=f"adapter-{stored.name}-{sha256[:8]}")
        vllm.start(settings, name=route.server, folder=folder, progress=progress)
        return route
    route = replace(route, folder=str(_copied(stored, route, settings)))
    if backend == "vllm":
        vllm.start(settings, progress=progress)
    if decision.route == "vllm":
        lora.load(settings, route.served, Path(route.folder))
        return replace(route, server=BASE)
    return route


def _copied(stored: Stored, route: Route, settings: Settings) -> Path:
    root = settings.home / "adapters" / SERVED
    target = root / route.served
    if not target.is_dir():
        root.mkdir(parents=True, exist_ok=True)
        store.copy(stored.folder, target)
    if (found := store.weights_sha256(target)) != route.sha256:
        raise UserError(f"{target} holds other weights (sha256 {found[:12]}) than the adapter.", "Remove it and load the adapter again.")
    return target


def _at_endpoint(route: Route, settings: Settings) -> Route:
    """Raises ServerError when the endpoint does not list the adapter."""
    import httpx

    url = settings.generate.base_url.rstrip("/")
    try:
        rows = httpx.get(f"{url}/models", timeout=10).raise_for_status().json()["data"]
        names = [str(row["id"]) for row in rows]
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as exc:
        raise ServerError(f"{url} does not say which models it serves: {exc}.", "Start the server, or correct generate.base_url.") from exc
    if route.served not in names:
        raise ServerError(f"{url} does not serve '{route.served}'. It serves: {', '.join(names)}.", "Load the adapter there first.")
    return route


def _close(route: Route, settings: Settings, *, grace: float = GRACE) -> None:
    """Free what the route used, once the requests in flight are through."""
    if route.way == "merged":
        if grace:
            _drain(route, settings, grace)
        vllm.stop(settings, name=route.server)
    elif route.server:
        server = vllm.status(settings)
        if isinstance(server, vllm.Server) and route.served in server.served:
            lora.unload(settings, route.served)  # vLLM finishes the requests that it has begun


def _sweep(settings: Settings) -> None:
    """Remove the copies that no route names any more."""
    used = {Path(route.folder) for route in routes.read(settings.home).values() if route.folder}
    for place in (settings.home / "adapters" / SERVED).glob("*"):
        if place not in used:
            shutil.rmtree(place, ignore_errors=True)


def _drain(route: Route, settings: Settings, grace: float) -> None:
    """Wait until the server works on no request any more, `grace` seconds at most."""
    time.sleep(SETTLE)
    until = time.monotonic() + grace
    while time.monotonic() < until and _at_work(route, settings):
        time.sleep(0.2)


def _at_work(route: Route, settings: Settings) -> bool:
    """Whether vLLM's own metrics count a request that runs or waits."""
    import httpx

    server = vllm.status(settings, name=route.server)
    if not isinstance(server, vllm.Server):
        return False
    try:
        lines = httpx.get(server.url.removesuffix("/v1") + "/metrics", timeout=5, trust_env=False).text.splitlines()
    except httpx.HTTPError:
        return False
    counts = [line for line in lines if line.startswith(("vllm:num_requests_running", "vllm:num_requests_waiting"))]
    return any(float(line.rsplit(" ", 1)[1]) > 0 for line in counts)
