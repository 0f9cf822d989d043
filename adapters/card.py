"""The adapter card, card.json: what an adapter was trained on, how, and where it can be served."""

from __future__ import annotations

import importlib.metadata
import json
import os
import secrets
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from adapters.method import Route
from adapters.store import CARD, weights_sha256
from rag.context.prompt import Style, template_hash
from rag.errors import InputError, ModelError
from rag.models.folder import resolve
from rag.settings import Settings

LIBRARIES = ("torch", "transformers", "peft", "trl", "accelerate", "safetensors")
VERSION = 1


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BaseWeights(_Row):
    """The model that the adapter changes. `revision` names its weights (see `rag.models.folder.ModelFolder`)."""

    model: str = Field(min_length=1)
    revision: str = Field(min_length=1)


class Data(_Row):
    """What it learned from. `sizes`: examples per kind; `sha256`: of the examples file."""

    recipe: str = ""
    sha256: str = ""
    sizes: dict[str, int] = {}
    training: int = Field(0, ge=0)
    validation: int = Field(0, ge=0)
    split: str = ""


class Point(_Row):
    """One point of the training curve; losses in nats per target token, `f1` of held-back pairs where it was measured."""

    step: int = Field(ge=0)
    loss: float | None = None
    validation: float | None = None
    f1: float | None = None


class Said(_Row):
    """What a model said to one canary prompt: greedy text, and token id -> log-probability of the likeliest first tokens."""

    text: str = ""
    top: dict[int, float] = {}


class Reference(_Row):
    """What base and adapter say to the canary prompts, in their order. `prompts`: hash of the prompts."""

    prompts: str
    base: tuple[Said, ...]
    adapter: tuple[Said, ...]


class Card(_Row):
    """Everything that is needed to judge an adapter and to make it again.

    `bias`: token id -> what is added to its logit where an answer begins: how readily it refuses (`adapters.train.refusals`).
    """

    version: Literal[1] = 1
    name: str
    base: BaseWeights
    method: str
    options: dict[str, Any] = {}
    training: dict[str, Any] = {}
    parameters: int = Field(0, ge=0)
    data: Data = Data()
    seed: int = 0
    template: str = Field(min_length=1)
    style: Style | Literal["both"] = "short"
    versions: dict[str, str] = {}
    curve: tuple[Point, ...] = ()
    evaluation: dict[str, Any] = {}
    bias: dict[int, float] = {}
    routes: tuple[Route, ...] = Field(min_length=1)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    created: str = ""
    seconds: float = Field(0.0, ge=0)
    command: str = ""
    canary: Reference | None = None

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Raises InputError listing every problem."""
        path = folder / CARD
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as exc:
            raise InputError(f"{path} cannot be read: {exc.strerror}.", "Train the adapter again, or import it again.") from exc
        except ValidationError as exc:
            problems = "; ".join(f"{'.'.join(map(str, error['loc'])) or 'the file'}: {error['msg']}" for error in exc.errors())
            raise InputError(f"{path} is not a card of version {VERSION}: {problems}.", "Train the adapter again, or mend it.") from exc

    def write(self, folder: Path) -> None:
        """Replaced atomically."""
        beside = folder / f".{CARD}.{os.getpid()}.{secrets.token_hex(4)}"
        beside.write_text(json.dumps(self.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        beside.replace(folder / CARD)


def library_versions() -> dict[str, str]:
    """Of the libraries that training depends on, as far as they are installed."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def problems(card: Card, folder: Path, settings: Settings) -> list[str]:
    """Why the adapter must not be served with these settings: another base, another prompt template, other weights."""
    found = []
    model = settings.generate.model
    revision = _revision(settings)
    if revision and card.base.revision != revision:
        found.append(f"it was trained on {card.base.model} (revision {card.base.revision}), and the model is {model} (revision {revision})")
    if card.template != template_hash():
        found.append(f"it was trained on prompt template {card.template}, and the present one is {template_hash()}")
    sha256 = weights_sha256(folder)
    if card.sha256 != sha256:
        found.append(f"its weights have sha256 {sha256[:16]}..., and the card says {card.sha256[:16]}...")
    return found


def check(card: Card, folder: Path, settings: Settings) -> None:
    """Raises ModelError with every reason why this adapter must not be served."""
    found = problems(card, folder, settings)
    if found:
        raise ModelError(
            f"The adapter '{card.name}' does not fit: {'; '.join(found)}.",
            "Train it again (atlas train), or set generate.model to its base.",
        )


def _revision(settings: Settings) -> str:
    """Of the model in use; empty where nobody here can know it (a name that only a foreign endpoint knows)."""
    if settings.generate.backend == "scripted":
        return ""
    try:
        return resolve(settings.generate.tokenizer or settings.generate.model, settings, fetch=False).revision
    except ModelError:
        if settings.generate.backend == "openai":
            return ""
        raise
