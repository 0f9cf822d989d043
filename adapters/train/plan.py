"""Everything that is decided before a weight of a training is loaded."""

from __future__ import annotations

from dataclasses import dataclass

from adapters import store
from adapters.data.build import Prepared
from adapters.gate import Decision, decide, rank_of
from adapters.method import METHODS, Method, Options, Route, read_options
from rag.models.folder import ModelFolder, resolve
from rag.progress import Progress, silent
from rag.settings import Settings


@dataclass(frozen=True, slots=True)
class Plan:
    """One training: what it learns from, by which method, on which base, and how the result will be served.

    `proof`: the card will say what base and adapter answer to the canary prompts, so that loading it need not find out.
    """

    name: str
    method: Method
    options: Options
    base: ModelFolder
    routes: tuple[Route, ...]
    decision: Decision
    prepared: Prepared
    proof: bool = True


def check(settings: Settings, name: str) -> tuple[Method, Options]:
    """The method and its options, before anything that takes long. Raises UserError: the name, the method or an option is wrong."""
    store.check_name(name)
    method = METHODS.load(settings.train.method)()
    return method, read_options(method, settings.train.options)


def plan(settings: Settings, prepared: Prepared, *, name: str, progress: Progress = silent) -> Plan:
    """Check the request: see `check`; and the base, and how the result will be served. Raises UserError."""
    method, options = check(settings, name)
    base = resolve(settings.generate.model, settings, progress=progress)
    routes = _routes(method, options, base)
    decision = decide(routes, settings, rank=rank_of(options.model_dump()), name=method.title)
    return Plan(name, method, options, base, routes, decision, prepared)


def _routes(method: Method, options: Options, base: ModelFolder) -> tuple[Route, ...]:
    """How an adapter of this method for this base can be served; the base is opened without its weights."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(base.path)
    with torch.device("meta"):
        return method.served(AutoModelForCausalLM.from_config(config), options)  # type: ignore[no-untyped-call]
