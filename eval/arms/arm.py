"""What an arm is, which ones there are, and how those asked for on the command line are read.

rag                  an arm of Atlas
rag+lora:NAME        with this adapter; without a name: with each one that was given
rag,rag              the same arm twice (the second is called rag#2), to see how far chance goes
oracle:NAME          a diagnostic arm with an adapter's weights instead of the base model's
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

from eval.types import Case, Reply, Retrieval
from rag.errors import InputError
from rag.registry import Part, Registry
from rag.types import Context

if TYPE_CHECKING:
    from rag.assistant import Assistant


@dataclass(frozen=True, slots=True)
class Spec:
    """One arm that was asked for. `name`: what it is called in results; `target`: where an outside system is."""

    name: str
    kind: str
    adapter: str | None = None
    target: str = ""


@dataclass(frozen=True, slots=True)
class Bench:
    """What arms are opened with: one assistant and one frozen context per case for all of them."""

    assistant: Assistant
    cases: tuple[Case, ...]
    contexts: Mapping[str, Context]
    seed: int = 0


class Arm(Protocol):
    """A system under test. Safe for many calls at once."""

    name: str

    @classmethod
    def open(cls, spec: Spec, bench: Bench) -> Self:
        """Raises UserError when it cannot be used."""

    def applies(self, case: Case) -> bool:
        """False where the arm makes no sense (no gold passages to give): the case is left out, which is not a failure."""

    def order(self, case: Case) -> tuple[str, ...]:
        """Prompts with the same first parts begin the same: asked next to each other, the server computes the beginning once."""

    async def __call__(self, case: Case, retrieval: Retrieval) -> Reply:
        """Raises UserError: no answer to this case, which is counted as a failure."""

    async def close(self) -> None:
        """Free what it holds."""


ARMS: Registry[Arm] = Registry(
    "arm",
    {
        "icl": Part("eval.arms.atlas:ClosedBook"),
        "zero-shot": Part("eval.arms.atlas:ClosedBook"),
        "lora": Part("eval.arms.atlas:ClosedBook"),
        "rag": Part("eval.arms.atlas:Grounded"),
        "rag+lora": Part("eval.arms.atlas:Grounded"),
        "oracle": Part("eval.arms.diagnostics:Oracle"),
        "shuffled": Part("eval.arms.diagnostics:Shuffled"),
        "full-doc": Part("eval.arms.diagnostics:FullDoc"),
        "outside": Part("eval.arms.outside:Outside"),
    },
)
OUTSIDE = "outside"
NEED_ADAPTER = ("lora", "rag+lora")
BASE_ONLY = ("icl", "zero-shot", "rag")
DEFAULT = ("icl", "rag", "oracle", "shuffled")
DEFAULT_ADAPTED = ("icl", "rag", "lora", "rag+lora", "oracle", "shuffled")


def default_arms(adapters: Sequence[str]) -> tuple[str, ...]:
    """The four corners (two without an adapter), and what is needed to say why a question was lost."""
    return DEFAULT_ADAPTED if adapters else DEFAULT


def parse_arms(asked: Sequence[str], *, adapters: Sequence[str] = (), outside: Mapping[str, str] | None = None) -> tuple[Spec, ...]:
    """The arms in the order asked for. `outside`: name -> URL or module:attribute.

    Raises InputError naming every one that is unknown, lacks its adapter, or cannot have one.
    """
    problems: list[str] = []
    specs: list[Spec] = []
    for text in asked:
        kind, _, adapter = text.partition(":")
        if problem := _problem(kind, adapter, adapters):
            problems.append(problem)
        elif adapter:
            specs.append(Spec(f"{kind}:{adapter}", kind, adapter))
        elif kind in NEED_ADAPTER:
            alone = len(adapters) == 1
            specs += [Spec(kind if alone else f"{kind}:{name}", kind, name) for name in adapters]
        else:
            specs.append(Spec(kind, kind))
    for name, target in (outside or {}).items():
        if name in ARMS.parts or ":" in name or not name:
            problems.append(f"An outside system cannot be called '{name}': choose a word that is no arm of Atlas.")
        specs.append(Spec(name, OUTSIDE, target=target))
    if problems or not specs:
        raise InputError(
            "\n".join(problems) or "No arm was asked for.", f"Arms: {', '.join(name for name in ARMS.parts if name != OUTSIDE)}."
        )
    return _numbered(specs)


def adapters_named(asked: Sequence[str]) -> tuple[str, ...]:
    """The adapters that stand in the arms themselves, as in rag+lora:NAME."""
    return tuple(dict.fromkeys(adapter for _, _, adapter in (text.partition(":") for text in asked) if adapter))


def _problem(kind: str, adapter: str, adapters: Sequence[str]) -> str:
    if kind not in ARMS.parts or kind == OUTSIDE:
        return f"There is no arm '{kind}'."
    if adapter and kind in BASE_ONLY:
        return f"The arm '{kind}' is the base model's: it takes no adapter ('{adapter}'); lora and rag+lora do."
    if kind in NEED_ADAPTER and not adapter and not adapters:
        return f"The arm '{kind}' needs an adapter, and none is loaded: atlas adapters load NAME."
    return ""


def _numbered(specs: Sequence[Spec]) -> tuple[Spec, ...]:
    seen: dict[str, int] = {}
    numbered = []
    for spec in specs:
        seen[spec.name] = count = seen.get(spec.name, 0) + 1
        name = spec.name if count == 1 else f"{spec.name}#{count}"
        numbered.append(Spec(name, spec.kind, spec.adapter, spec.target))
    return tuple(numbered)


def open_arms(specs: Sequence[Spec], bench: Bench) -> tuple[Arm, ...]:
    """Raises UserError for the first that cannot be used."""
    return tuple(ARMS.load(spec.kind).open(spec, bench) for spec in specs)
