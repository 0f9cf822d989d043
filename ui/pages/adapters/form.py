"""From what stands in the training form to the words of `atlas train`; everything that is wrong with it is said at once."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.errors import SettingsError, UserError

if TYPE_CHECKING:
    from rag.settings import Settings
    from ui.jobs.jobs import Job
    from ui.pages.adapters.text import Words


@dataclass(frozen=True, slots=True)
class Form:
    """What was filled in, as the browser sent it. `options`: key=value, with spaces or line ends between."""

    name: str
    qa: Sequence[str]
    recipes: Sequence[str]
    method: str
    examples: float | None
    epochs: float | None
    passages: float | None
    minutes: float | None
    options: str = ""
    load: bool = True


def suggested(settings: Settings, method: str = "") -> str:
    """A name that is free: the corpus' and the method's, with a number when that one is taken."""
    from adapters.store import names

    corpus = re.sub(r"[^a-z0-9._-]+", "-", settings.corpus.resolve().name.lower()).strip("-._") or "mine"
    wanted = f"{corpus[:40]}-{method or settings.train.method}"
    taken = {*names(settings.home), *(path.name for path in (settings.home / "trainings").glob("*"))}
    return next(name for number in range(1, 1000) if (name := wanted if number == 1 else f"{wanted}-{number}") not in taken)


def command(form: Form, settings: Settings, words: Words, *, allowed: Sequence[str], estimate: bool = False) -> tuple[str, ...]:
    """The words after `atlas`. `allowed`: files that may be learned from. Raises SettingsError with every problem, one a line."""
    problems: list[str] = []
    options = _options(form, words, problems)
    name = form.name.strip().lower() or suggested(settings, form.method)
    _check_name(name, problems)
    qa = [file for file in form.qa if file in allowed]
    if not qa:
        problems.append(words.choose_pairs)
    if not form.recipes:
        problems.append(words.choose_recipe)
    chosen = {"examples": form.examples, "epochs": form.epochs, "passages": form.passages, "minutes": form.minutes}
    values = _numbers(chosen, settings, words, problems)
    if problems:
        raise SettingsError(problems)
    sets = [f"train.{key}={value}" for key, value in {**values, "recipe": "+".join(form.recipes)}.items()]
    said = [word for pair in sets for word in ("--set", pair)]
    said += ["train", "--name", name, "--method", form.method]
    said += [word for file in qa for word in ("--qa", str(Path(file).resolve()))]
    said += [word for key, value in options.items() for word in ("--option", f"{key}={_text(value)}")]
    if estimate:
        return (*said, "--estimate", "--json")
    return (*said, "--load" if form.load else "--no-load")


def name_of(job: Job) -> str:
    """The adapter that a job is about: of its --name, or the last word of `adapters load NAME`."""
    words = job.arguments
    if "--name" in words[:-1]:
        return words[words.index("--name") + 1]
    return words[2] if len(words) > 2 and words[0] == "adapters" else ""


def is_estimate(job: Job) -> bool:
    return "--estimate" in job.arguments


def estimate_of(lines: Sequence[str]) -> Mapping[str, float] | None:
    """The numbers that `atlas train --estimate --json` printed; None when they are not there."""
    for line in reversed(lines):
        if not line.startswith("{"):
            continue
        try:
            found = json.loads(line)
            return {key: float(value) for key, value in found.items()}
        except (ValueError, TypeError, AttributeError):
            continue
    return None


def _options(form: Form, words: Words, problems: list[str]) -> dict[str, Any]:
    """Checked against what the method takes."""
    from adapters.method import METHODS, read_options

    given: dict[str, Any] = {}
    for part in form.options.split():
        key, sign, value = part.strip(",").partition("=")
        if not sign or not key or not value:
            problems.append(words.not_option.format(part))
        else:
            given[key] = _value(value)
    try:
        read_options(METHODS.load(form.method)(), given)
    except SettingsError as exc:
        problems += exc.problems
    except UserError as exc:  # no such method, or its extra is not installed
        problems.append(str(exc))
    return given


def _check_name(name: str, problems: list[str]) -> None:
    from adapters.store import check_name

    try:
        check_name(name)
    except UserError as exc:
        problems.append(str(exc))


def _numbers(chosen: Mapping[str, float | None], settings: Settings, words: Words, problems: list[str]) -> dict[str, float]:
    """Those that [train] takes; whole numbers as such."""
    from pydantic import ValidationError

    labels = {"examples": words.max_examples, "epochs": words.epochs, "passages": words.passages, "minutes": words.at_most}
    values = {key: int(value) if value is not None and float(value).is_integer() else value for key, value in chosen.items()}
    try:
        type(settings.train).model_validate({**settings.train.model_dump(), **values})
    except ValidationError as exc:
        for error in exc.errors():
            key = str(error["loc"][0])
            problems.append(words.no_number.format(name=labels.get(key, key), value=values.get(key)))
    return {key: value for key, value in values.items() if value is not None}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
