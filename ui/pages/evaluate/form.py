"""From what stands in the form of an evaluation to the words of `atlas eval`; everything that is wrong with it is said at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rag.errors import SettingsError

if TYPE_CHECKING:
    from rag.settings import Settings
    from ui.jobs.jobs import Job
    from ui.pages.evaluate.text import Words

LIMIT = 40
"""Questions asked by default: minutes, not hours, on a laptop; the interval says what that is worth."""
NEED_ADAPTER = ("lora", "rag+lora")


@dataclass(frozen=True, slots=True)
class Form:
    """What was filled in, as the browser sent it."""

    qa: Sequence[str]
    arms: Sequence[str]
    adapters: Sequence[str]
    limit: float | None
    name: str = ""
    style: str = "short"
    seed: float | None = 0


def command(form: Form, words: Words, *, allowed: Sequence[str], loaded: Sequence[str]) -> tuple[str, ...]:
    """The words after `atlas`. `allowed`: files that may be asked; `loaded`: adapters. Raises SettingsError with every problem."""
    qa = [file for file in form.qa if file in allowed]
    adapters = [name for name in form.adapters if name in loaded]
    problems = [*([] if qa else [words.choose_pairs]), *([] if form.arms else [words.choose_arms])]
    for label, value in ((words.limit, form.limit), (words.seed, form.seed)):
        if value is None or value < 0 or not float(value).is_integer():
            problems.append(words.no_number.format(name=label, value=value))
    if not adapters:
        problems += [words.not_loaded.format(arm=arm) for arm in form.arms if arm in NEED_ADAPTER]
    if problems:
        raise SettingsError(problems)
    said = ["eval", *(word for file in qa for word in ("--qa", str(Path(file).resolve()))), "--arms", ",".join(form.arms)]
    if any(arm in NEED_ADAPTER for arm in form.arms):
        said += [word for name in adapters for word in ("--adapter", name)]
    said += ["--limit", str(int(form.limit or 0)), "--seed", str(int(form.seed or 0))]
    said += ["--style", "full" if form.style == "full" else "short", "--lang", words.code]
    return (*said, "--name", form.name.strip()[:80]) if form.name.strip() else tuple(said)


def resumed(run: str, words: Words) -> tuple[str, ...]:
    return ("eval", "--resume", run, "--lang", words.code)


def default_arms(settings: Settings, loaded: Sequence[str]) -> list[str]:
    from eval.arms.arm import default_arms as default

    return list(default(tuple(loaded)))


def arms_of(job: Job) -> str:
    words = job.arguments
    return words[words.index("--arms") + 1] if "--arms" in words[:-1] else ""


def run_of(job: Job) -> str:
    """The run that it goes on with; "" for a new one."""
    words = job.arguments
    return words[words.index("--resume") + 1] if "--resume" in words[:-1] else ""
