"""The space that a study searches: settings of [train] and options of the method, each a range or a list of choices."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from adapters.method import METHODS, Method, read_options
from adapters.train.arguments import rate_of
from rag.errors import InputError, SettingsError
from rag.settings import Settings, Train

OPTION = "options."
SEARCHED = ("absent", "batch_tokens", "epochs", "learning_rate", "passages", "style", "together", "unanswerable", "warmup")
"""The others decide what is scored (qa, recipe, validation, seed ...) or what a trial costs (examples), or are no numbers (method)."""
DIGITS = 3
BELOW, ABOVE = 2, 5
"""How far around the method's own learning rate the default space reaches; with few examples more pays rather than less."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """`key`: a setting of [train], or `options.NAME`. With `choices` one of them, else a number from `low` to `high`."""

    key: str
    choices: tuple[Any, ...] = ()
    low: float = 0
    high: float = 0
    log: bool = False

    @property
    def whole(self) -> bool:
        return isinstance(self.low, int) and isinstance(self.high, int)

    def suggest(self, trial: Any) -> Any:
        """What this trial (Optuna's) should try; numbers with three digits, as a person would write them."""
        if self.choices:
            return trial.suggest_categorical(self.key, list(self.choices))
        if self.whole:
            return trial.suggest_int(self.key, int(self.low), int(self.high), log=self.log)
        return float(f"{trial.suggest_float(self.key, self.low, self.high, log=self.log):.{DIGITS}g}")

    def containing(self, value: Any) -> Dimension:
        """With this value in it."""
        if self.choices:
            return self if value in self.choices else replace(self, choices=(*self.choices, value))
        return replace(self, low=min(self.low, value), high=max(self.high, value))

    def ends(self) -> tuple[Any, ...]:
        """The values that are most likely to be refused."""
        return self.choices or (self.low, self.high)


@dataclass(frozen=True, slots=True)
class Space:
    """What is tried; `present`: key -> the value that the settings have, which every dimension contains."""

    dimensions: tuple[Dimension, ...]
    present: Mapping[str, Any]

    def suggest(self, trial: Any) -> dict[str, Any]:
        return {dimension.key: dimension.suggest(trial) for dimension in self.dimensions}


def read(file: Path, settings: Settings) -> Space:
    """The space that a TOML file describes. Raises InputError when it cannot be read, SettingsError listing everything wrong with it."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise InputError(f"{file} cannot be read: {exc}.", "Name a TOML file that says what to try (--space default shows how).") from exc
    return parse(text, settings, where=str(file))


def default(settings: Settings) -> Space:
    """space.toml, fitted to the method (its options, its usual rate) and to what retrieval gives."""
    text = resources.files("adapters.study").joinpath("space.toml").read_text(encoding="utf-8")
    rows = [row for row in _rows(tomllib.loads(text)) if (row[0], settings.train.style) != ("style", "full")]
    rows = [*(row for row in rows if not row[0].startswith(OPTION)), *_fitting(rows, settings)]
    rate, most = METHODS.load(settings.train.method)().learning_rate, settings.context.max_sources
    rows.append(("learning_rate", {"low": rate / BELOW, "high": rate * ABOVE, "log": True}))
    if most > 1:
        rows.append(("passages", {"low": 1, "high": most}))
    return _space(rows, settings, where="the default space")


def _fitting(rows: Sequence[tuple[str, Any]], settings: Settings) -> Iterator[tuple[str, Any]]:
    """The options that the method has, with those of their choices that it takes."""
    known = METHODS.load(settings.train.method)().Options.model_fields
    for key, value in rows:
        if key.startswith(OPTION) and key.removeprefix(OPTION) in known and _single(present(key, settings)):
            choices = [choice for choice in value["choices"] if not _problems(settings, key, choice)]
            if len(choices) > 1:
                yield key, {"choices": choices}


def parse(text: str, settings: Settings, *, where: str) -> Space:
    """As `read`."""
    try:
        return _space(list(_rows(tomllib.loads(text))), settings, where=where)
    except tomllib.TOMLDecodeError as exc:
        raise InputError(f"{where} is not TOML: {exc}.", "See adapters/study/space.toml for how it is written.") from exc


def applied(settings: Settings, values: Mapping[str, Any]) -> Settings:
    """The settings with these values of [train]. Raises ValidationError, SettingsError."""
    changed: dict[str, Any] = {key: value for key, value in values.items() if not key.startswith(OPTION)}
    options = {key.removeprefix(OPTION): value for key, value in values.items() if key.startswith(OPTION)}
    train = Train.model_validate({**settings.train.model_dump(), **changed, "options": {**settings.train.options, **options}})
    read_options(METHODS.load(train.method)(), train.options)
    return settings.model_copy(update={"train": train})


def _rows(found: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    options = found.get("options")
    yield from ((key, value) for key, value in found.items() if key != "options")
    if options is not None:
        yield from ((f"{OPTION}{key}", value) for key, value in (options.items() if isinstance(options, dict) else [("?", options)]))


def _space(rows: Sequence[tuple[str, Any]], settings: Settings, *, where: str) -> Space:
    method = METHODS.load(settings.train.method)()
    problems: list[str] = []
    dimensions = [found for key, value in rows if (found := _dimension(key, value, method, problems)) is not None]
    now = {dimension.key: present(dimension.key, settings) for dimension in dimensions}
    problems += [f"{key} is {value!r} in the settings, no value that can be searched" for key, value in now.items() if not _single(value)]
    if not problems:
        dimensions = [dimension.containing(now[dimension.key]) for dimension in dimensions]
        problems += _refused(dimensions, settings)
    if not rows:
        problems.append("it names nothing to try")
    if problems:
        raise SettingsError([f"{where}: {problem}." for problem in problems])
    return Space(tuple(dimensions), now)


def _dimension(key: str, value: Any, method: Method, problems: list[str]) -> Dimension | None:
    known = [*SEARCHED, *(f"{OPTION}{name}" for name in method.Options.model_fields)]
    if key not in known:
        problems.append(f"{key} cannot be searched; what can be: {', '.join(known)}")
        return None
    fields = value if isinstance(value, dict) else {}
    choices, log = fields.get("choices"), fields.get("log")
    low: Any = fields.get("low")
    high: Any = fields.get("high")
    if isinstance(choices, list) and len(choices) > 1 and all(map(_single, choices)) and fields.keys() == {"choices"}:
        return Dimension(key, tuple(choices))
    numbers = all(isinstance(end, int | float) and not isinstance(end, bool) for end in (low, high))
    if numbers and fields.keys() <= {"low", "high", "log"} and isinstance(log, bool | None) and _ordered(low, high, log):
        return Dimension(key, low=low, high=high, log=bool(log))
    problems.append(f"{key} = {value!r} is neither {{ low = 1, high = 3 }} (with log = true: above 0) nor {{ choices = [1, 2] }}")
    return None


def _problems(settings: Settings, key: str, value: Any) -> list[str]:
    """Why there can be no training with this value; [] when there can."""
    try:
        applied(settings, {key: value})
    except ValidationError as exc:
        return [f"{key} = {value!r}: {error['msg']}" for error in exc.errors()]
    except SettingsError as exc:
        return [problem.rstrip(".") for problem in exc.problems]
    return []


def _single(value: Any) -> bool:
    """What Optuna can store as a choice."""
    return isinstance(value, bool | int | float | str)


def _ordered(low: Any, high: Any, log: Any) -> bool:
    return bool(low < high and (low > 0 or not log))


def present(key: str, settings: Settings) -> Any:
    """The value in force; of the learning rate the method's own where the setting leaves it to the method."""
    method = METHODS.load(settings.train.method)()
    if key.startswith(OPTION):
        return read_options(method, settings.train.options).model_dump(mode="json")[key.removeprefix(OPTION)]
    if key == "learning_rate":
        return rate_of(settings.train, method)
    return getattr(settings.train, key)


def _refused(dimensions: Sequence[Dimension], settings: Settings) -> list[str]:
    """Why some values could not be trained with, or trainings with them not be compared."""
    problems = []
    highest = {key: float(getattr(settings.train, key)) for key in ("unanswerable", "absent")}
    for dimension in dimensions:
        if dimension.log and dimension.low <= 0:
            problems.append(f"{dimension.key} is {dimension.low} in the settings, which a range with log = true cannot contain")
        for value in dimension.ends():
            problems += _problems(settings, dimension.key, value)
        if dimension.key in highest and not problems:
            highest[dimension.key] = max(dimension.ends())
        if dimension.key == "passages" and max(dimension.ends()) > settings.context.max_sources:
            problems.append(
                f"passages reaches {max(dimension.ends())}, and retrieval gives {settings.context.max_sources}: context.max_sources"
            )
        if dimension.key == "style" and "full" in dimension.choices:
            problems.append("style 'full' is scored on answers of another form than 'short' and 'both': their scores cannot be compared")
    if not problems and sum(highest.values()) >= 1:
        problems.append(f"unanswerable and absent reach {sum(highest.values()):.2f} together, and must stay below 1")
    return problems
