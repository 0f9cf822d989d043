"""How an adapter will be served, decided before it is trained: from its method, the settings and this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.card import Card
from adapters.method import Route
from rag.errors import SettingsError, UserError
from rag.serve.command import on_cpu, takes_lora
from rag.settings import Settings

FASTER_MERGED = "on a CPU, merged weights in a second vLLM answer about ten times faster than an adapter per request"


@dataclass(frozen=True, slots=True)
class Decision:
    """The way in which an adapter is served, and why that one."""

    route: Route
    reason: str

    def __str__(self) -> str:
        return f"{self.route}: {self.reason}"


def route(card: Card, settings: Settings) -> Decision:
    """For a trained adapter. Raises UserError when no way that the settings allow is open."""
    return decide(card.routes, settings, rank=rank_of(card.options), name=card.method)


def decide(routes: Sequence[Route], settings: Settings, *, rank: int = 0, name: str = "this method") -> Decision:
    """`routes`: the method's, best first; `rank`: of its matrices, 0 where it has none. Raises UserError, as `route`."""
    backend = settings.generate.backend
    if backend == "scripted":
        return Decision("vllm", "the scripted generator takes any name")
    if backend == "openai":
        return Decision("vllm", f"{settings.generate.base_url} is asked by the adapter's name, which it must serve")
    if settings.serve.adapters != "auto":
        return _wanted(settings.serve.adapters, routes, settings, rank=rank, name=name)
    if backend == "transformers":
        return Decision("in-process", "generate.backend is transformers, so the base model answers in this process, too")
    return _fastest(routes, settings, rank=rank, name=name)


def rank_of(options: dict[str, object]) -> int:
    """The largest rank that the method's options speak of; 0 when they speak of none."""
    return max((value for key in ("r", "rank", "init_r") if isinstance(value := options.get(key), int)), default=0)


def _fastest(routes: Sequence[Route], settings: Settings, *, rank: int, name: str) -> Decision:
    closed = _closed(routes, settings, rank=rank, name=name)
    if "vllm" in routes and not on_cpu() and not closed:
        return Decision("vllm", "on a GPU one vLLM serves the base model and all adapters, in the memory of one model")
    if "merged" in routes:
        return Decision("merged", FASTER_MERGED if on_cpu() else f"{closed}; two servers share the GPU: serve.gpu_memory must be below 0.5")
    if "vllm" in routes and not closed:
        return Decision("vllm", f"{name} cannot be merged, and vLLM can load it")
    return Decision("in-process", f"vLLM cannot load {name}, and it cannot be merged, so transformers answers, one question at a time")


def _wanted(wanted: Route, routes: Sequence[Route], settings: Settings, *, rank: int, name: str) -> Decision:
    if wanted == "merged" and settings.generate.backend == "transformers":
        raise SettingsError(["serve.adapters = merged needs generate.backend = vllm, as a merged copy is served by a second vLLM."])
    if wanted not in (*routes, "in-process"):
        raise UserError(
            f"serve.adapters = {wanted}, and {name} can be served only as: {', '.join(routes)}.",
            "Choose auto or one of them.",
        )
    if wanted == "vllm" and (closed := _closed(routes, settings, rank=rank, name=name)):
        raise UserError(f"serve.adapters = vllm is not possible: {closed}.", "Set serve.adapters to auto.")
    return Decision(wanted, f"serve.adapters = {wanted}")


def _closed(routes: Sequence[Route], settings: Settings, *, rank: int, name: str) -> str:
    """Why vLLM cannot choose this adapter per request; empty when it can."""
    if "vllm" not in routes:
        return f"vLLM cannot load {name}"
    if settings.generate.backend != "vllm":
        return "generate.backend is not vllm"
    if rank > settings.serve.max_lora_rank:
        return f"its rank {rank} is above serve.max_lora_rank = {settings.serve.max_lora_rank}"
    if not takes_lora(settings):
        return "the model server was not told to take adapters (serve.lora = on, and serve.host on loopback)"
    return ""
