"""Proof of identity: that the adapter's route answers with the adapter's weights, and the base's with the base's."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from adapters import said
from adapters.attach import method_of
from adapters.card import Card, Reference, Said
from adapters.method import Method
from adapters.store import Stored, find
from adapters.weights import open_weights
from rag.errors import ModelError, ServerError, UserError
from rag.generate.generator import Generator, open_generator
from rag.generate.routes import Route, Routes
from rag.models.folder import resolve
from rag.progress import Progress, silent
from rag.serve import vllm
from rag.serve.state import BASE
from rag.settings import Settings

TOLERANCE = 0.3
"""Mean absolute difference of log-probability (nats) that the same weights may show on different routes: bfloat16, other kernels.
Where only texts can be compared, the share of texts that may differ."""
APART = 2.0
"""The other weights must be so many times farther away than one's own."""


@dataclass(frozen=True, slots=True)
class Report:
    """Distances between what was said and what base and adapter should say; empty when there is no reference to compare with.

    `distances`: "base - base" (the base route and the base's reference), "adapter - adapter", "base - adapter", "adapter - base"
    and "routes" (base route and adapter route). `problems` is empty when the identity is proven.
    """

    adapter: str
    sha256: str
    way: str
    distances: dict[str, float]
    problems: tuple[str, ...]

    @property
    def proven(self) -> bool:
        return not self.problems

    def __str__(self) -> str:
        shown = ", ".join(f"{name} {value:.3f}" for name, value in self.distances.items())
        return f"{self.adapter} ({self.way}, {self.sha256[:12]}): {'proven' if self.proven else 'NOT proven'}; distances: {shown}"


def check(name: str, settings: Settings, *, progress: Progress = silent) -> Report:
    """Ask the loaded adapter and the base the canary prompts. Raises UserError when they are not what they should be."""
    return demand(prove(Routes(settings).find(name), settings, progress=progress))


def demand(report: Report) -> Report:
    """The report. Raises UserError when it does not prove the identity."""
    if report.proven:
        return report
    raise UserError(
        f"The adapter '{report.adapter}' ({report.way}) is not proven to be itself: {'; '.join(report.problems)}.",
        f"Load it again: atlas adapters load {report.adapter}. If that does not help, the adapter has learned too little.",
    )


def prove(route: Route, settings: Settings, *, progress: Progress = silent) -> Report:
    """Read both routes and compare them with the references, and with each other."""
    base, adapter = _heard(route, settings)
    distances = {"routes": said.compare(base, adapter).mean}
    problems = [] if distances["routes"] > 0 else ["the base's route and the adapter's say the same to every canary prompt"]
    expected = _expected(route, settings, progress)
    if expected is not None:
        for name, heard, own, other in (
            ("base", base, expected.base, expected.adapter),
            ("adapter", adapter, expected.adapter, expected.base),
        ):
            near, far = said.compare(heard, own).mean, said.compare(heard, other).mean
            distances |= {f"{name} - {name}": near, f"{name} - {'adapter' if name == 'base' else 'base'}": far}
            problems += _wrong(name, near, far)
    return Report(route.adapter, route.sha256, route.way, distances, tuple(problems))


def reference(stored: Stored, settings: Settings, *, progress: Progress = silent) -> Reference:
    """What base and adapter say: from the card (see `of_trained`), or kept from an earlier time, or computed now (a minute or more)."""
    card = Card.read(stored.folder)
    if (known := in_card(card)) is not None:
        return known
    base = resolve(settings.generate.tokenizer or settings.generate.model, settings)
    kept = _kept(settings, stored.sha256, base.revision)
    try:
        return Reference.model_validate_json(kept.read_bytes())
    except (OSError, ValidationError):  # not computed yet, or by another version
        model, tokenizer = open_weights(base.path)
        method = method_of(card)
        found = said.reference(method.load(model, stored.folder).eval(), method, tokenizer, progress=progress)
        keep(found, settings, sha256=stored.sha256, revision=base.revision)
        return found


def in_card(card: Card) -> Reference | None:
    """The reference that the training left in the card; None when there is none, or one for prompts of another version."""
    return card.canary if card.canary is not None and card.canary.prompts == said.prompts_hash() else None


def of_trained(model: Any, method: Method, tokenizer: Any, *, progress: Progress = silent) -> Reference | None:
    """What goes into the card at the end of a training, so that no load has to open the weights for it.

    `model` with its final parameters, in the dtype that they are saved in. None where it stands over other weights than it will
    be served over (QLoRA's 4-bit base): then the first load computes the reference.
    """
    if getattr(model, "is_loaded_in_4bit", False):
        return None
    training = model.training
    model.eval()
    try:
        return said.reference(model, method, tokenizer, progress=progress)
    finally:
        model.train(training)


def keep(found: Reference, settings: Settings, *, sha256: str, revision: str) -> None:
    """For `reference`, so that it is computed once per adapter and base."""
    path = _kept(settings, sha256, revision)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    beside.write_text(found.model_dump_json(), encoding="utf-8")
    beside.replace(path)


def _kept(settings: Settings, sha256: str, revision: str) -> Path:
    return settings.home / "cache" / "canary" / f"{sha256[:16]}-{revision}-{said.prompts_hash()}.json"


def _wrong(name: str, near: float, far: float) -> list[str]:
    """What is wrong with a route that is `near` its own reference and `far` from the other one."""
    other = "adapter" if name == "base" else "base"
    if near >= far:
        return [f"the {name}'s route is nearer to the {other} ({far:.3f}) than to the {name} ({near:.3f})"]
    if near > TOLERANCE:
        return [f"the {name}'s route is {near:.3f} away from the {name}, more than {TOLERANCE}"]
    if far < APART * near:
        return [f"the {name}'s route ({near:.3f} away) cannot be told from the {other} ({far:.3f} away)"]
    return []


def _expected(route: Route, settings: Settings, progress: Progress) -> Reference | None:
    """None where nobody here has the weights: the scripted generator, a model that only a foreign endpoint knows."""
    backend = settings.generate.backend
    if backend == "scripted":
        return None
    try:
        stored = find(route.adapter, settings.home)
        if stored.sha256 != route.sha256:
            raise UserError(
                f"The adapter '{route.adapter}' has changed since it was loaded (sha256 {route.sha256[:12]}, now {stored.sha256[:12]}).",
                f"Load it again: atlas adapters load {route.adapter}",
            )
        return reference(stored, settings, progress=progress)
    except ModelError:
        if backend == "openai":
            return None
        raise


def _heard(route: Route, settings: Settings) -> tuple[Sequence[Said], Sequence[Said]]:
    """What the base's route and the adapter's say now."""
    backend = settings.generate.backend
    if backend == "openai":
        url = settings.generate.base_url.rstrip("/")
        return said.read_server(url, settings.generate.model, settings), said.read_server(url, route.served, settings)
    if backend == "vllm":
        base: Sequence[Said] = said.read_server(_url(settings), settings.generate.model, settings)
        if route.way != "in-process":
            return base, said.read_server(_url(settings, name=route.server), route.served, settings)
        return base, said.read_generator(_local(settings), adapter=route.folder)
    generator = open_generator(settings)
    return said.read_generator(generator), said.read_generator(generator, adapter=route.folder or route.served)


def _url(settings: Settings, *, name: str = BASE) -> str:
    found = vllm.status(settings, name=name)
    if isinstance(found, vllm.Server):
        return found.url
    do = "Start it: atlas serve" if name == BASE else "Load the adapter again: atlas adapters load NAME"
    raise ServerError(f"The {found}." if found else f"The model server '{name}' is not running.", do)


def _local(settings: Settings) -> Generator:
    from rag.generate.local import LocalGenerator

    return LocalGenerator.open(settings)
