"""What an evaluation is asked to do; kept in the manifest, so that a run can be resumed by its name alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from eval.cost import Prices
from eval.runner import IN_FLIGHT
from eval.statistics.contrasts import MARGIN
from rag.errors import InputError


@dataclass(frozen=True, slots=True)
class Request:
    """`arms`: as on the command line, () = the default ones; `adapters`: names, () = the one loaded last, if any.

    `outside`: name -> URL or module:attribute; `judge`: URL#model of the model that judges, "" = nothing is judged; `nli`: folder of
    a model that tells groundedness instead; `prices`: for the cost of a right answer.
    `limit`: questions, spread evenly, 0 = all; `style`: what is asked for, short answers being what metrics of words can judge;
    `margin`: differences within it count as none; `name`: what the user calls the run.
    """

    qa: tuple[Path, ...]
    arms: tuple[str, ...] = ()
    adapters: tuple[str, ...] = ()
    outside: Mapping[str, str] = field(default_factory=dict)
    limit: int = 0
    seed: int = 0
    style: Literal["short", "full"] = "short"
    in_flight: int = IN_FLIGHT
    name: str = ""
    margin: float = MARGIN
    judge: str = ""
    nli: str = ""
    prices: Prices = field(default_factory=Prices)


def as_json(request: Request) -> dict[str, Any]:
    """With absolute paths: a run may be resumed from another folder."""
    found: dict[str, Any] = _REQUEST.dump_python(request, mode="json")
    return {**found, "qa": [str(path.resolve()) for path in request.qa]}


def from_json(values: Any) -> Request:
    """What `as_json` made. Raises InputError."""
    try:
        return _REQUEST.validate_python(values)
    except ValidationError as exc:
        raise InputError(f"The manifest's request cannot be read: {exc.errors()[0]['msg']}.", "Start the evaluation anew.") from exc


_REQUEST: TypeAdapter[Request] = TypeAdapter(Request)
