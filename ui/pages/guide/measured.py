"""What was measured in this home: for two ways of answering, the sentence of the newest run that compared them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from rag.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from eval.types import Contrast, Run
    from rag.settings import Settings
    from ui.chat.text import Language

LOOKED_AT = 8
"""Runs that are opened, the newest first."""


@dataclass(frozen=True, slots=True)
class Measured:
    """`headline`: eval.verdict's words with the interval; `run`: the folder's name; `questions`: how many were asked."""

    headline: str
    run: str
    when: str
    questions: int
    model: str


def measured(settings: Settings, pairs: Sequence[tuple[str, str]], language: Language) -> Measured | None:
    """The first of `pairs` (arm, other) that a run compared, in the newest run that did. Reads runs: not for the event loop."""
    from eval import runs

    for folder in [each for each in reversed(runs.everything(settings)) if runs.finished(each)][:LOOKED_AT]:
        try:
            manifest = runs.read_manifest(folder)
            if not any(_has(manifest, arm) and _has(manifest, other) for arm, other in pairs):
                continue
            run = _loaded(folder, (folder / runs.RUN).stat().st_mtime_ns)
        except (UserError, OSError):  # another version's, or just deleted: the Evaluate page names it
            continue
        for arm, other in pairs:
            if found := _said(run, arm, other, language):
                return Measured(found, folder.name, str(manifest.get("created", ""))[:10], len(run.cases), _model(manifest))
    return None


@lru_cache(maxsize=LOOKED_AT)
def _loaded(folder: Path, stamp: int) -> Run:
    """Only what a verdict is made of is kept: a run with all its replies can be large."""
    from eval import runs

    return replace(runs.load(folder), retrievals=(), replies=(), scores=(), curves={})


def _has(manifest: Mapping[str, object], kind: str) -> bool:
    from eval.corners import Corner

    arms = manifest.get("arms")
    return isinstance(arms, list) and any(Corner.of(str(arm)).kind == kind for arm in arms)


def _said(run: Run, arm: str, other: str, language: Language) -> str:
    from eval.verdict import verdict

    metric = str(run.manifest.get("metric") or "") or (run.contrasts[0].metric if run.contrasts else "")
    kept = tuple(each for each in run.contrasts if each.metric == metric and _is(each, arm, other))
    return verdict(replace(run, contrasts=kept, failures=()), language=language, metric=metric).headline if kept else ""


def _is(each: Contrast, arm: str, other: str) -> bool:
    from eval.corners import Corner

    one, two = Corner.of(each.arm), Corner.of(each.other)
    straight = (one.kind, two.kind) == (arm, other) or (one.kind, two.kind) == (other, arm)
    return straight and one.copy == two.copy == 1 and not each.name.startswith("interaction")


def _model(manifest: Mapping[str, object]) -> str:
    determines = manifest.get("determines")
    model = determines.get("model") if isinstance(determines, dict) else None
    return str(model.get("name", "")) if isinstance(model, dict) else ""
