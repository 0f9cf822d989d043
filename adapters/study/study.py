"""A study: trial after trial until the number or the time is used up, kept in <home>/studies/<name>.db, so that it can be killed."""

from __future__ import annotations

import shutil
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from adapters.data.build import data_hash
from adapters.data.leakage import check, leakage
from adapters.store import NAME
from adapters.study import trial as trials
from adapters.study.outcome import Outcome, outcome
from adapters.study.remembering import Remembering
from adapters.study.space import Space
from adapters.study.trial import Ground
from adapters.train.run import Stopped
from adapters.train.validate import Score
from rag.assistant import Assistant
from rag.context.prompt import template_hash
from rag.embed.embedder import open_embedder
from rag.errors import InputError, UserError
from rag.models.folder import resolve
from rag.progress import Progress, Tell, silent
from rag.qa import Pair
from rag.settings import Settings
from rag.types import content_id

STARTUP = 4
"""Trials that are drawn at random, and that none is given up before."""
HOPELESS = 3
"""So many failures in a row end the study."""
FOLDER = "studies"


@dataclass(frozen=True, slots=True)
class Wanted:
    """`trials` in all, those of earlier calls counted; `minutes`: no trial begins after so many (0: no limit)."""

    name: str
    space: Space
    trials: int
    minutes: float = 0.0


def run(
    settings: Settings,
    wanted: Wanted,
    pairs: Sequence[Pair],
    score: Score,
    *,
    tested: Sequence[Pair] = (),
    tell: Tell,
    progress: Progress = silent,
) -> Outcome:
    """Go on with the study of that name, or begin it. `settings.train` says what no trial changes: examples, validation, method.

    `tested`: pairs that will be tested on. No trial sees them; what training shares with them is treated as `train.leakage` says.
    Raises Stopped after Ctrl-C, UserError: another study has this name, or every trial fails.
    """
    assistant = Remembering.of(settings, progress=progress)
    usable = _usable(settings, pairs, tested, assistant)
    file = _file(settings, wanted.name)
    work = file.with_suffix(".work")
    with _lock(file), _quiet():
        study = _opened(file, wanted, _request(settings, wanted, usable, tested, assistant), usable)
        ground = Ground(settings, usable, assistant, score, work, tell, progress)
        _loop(study, wanted, ground)
        if not _running(study):
            shutil.rmtree(work, ignore_errors=True)
        return outcome(study)


def read(settings: Settings, name: str) -> Outcome:
    """What a study has found so far. Raises InputError when there is none of that name."""
    import optuna

    file = _file(settings, name)
    if not file.is_file():
        known = ", ".join(names(settings))
        raise InputError(f"There is no study '{name}'.", f"There are: {known}." if known else "There is none yet: atlas study --qa FILE")
    with _quiet():
        return outcome(optuna.load_study(study_name=name, storage=f"sqlite:///{file}"))


def names(settings: Settings) -> list[str]:
    """Studies of this home."""
    return sorted(path.stem for path in (settings.home / FOLDER).glob("*.db"))


def _loop(study: Any, wanted: Wanted, ground: Ground) -> None:
    began, failed = time.monotonic(), 0
    while True:
        done = _ended(study)
        ground.progress("trials", min(done, wanted.trials), wanted.trials)
        trial = _next(study, wanted, ground.settings.train.seed, late=0 < wanted.minutes * 60 <= time.monotonic() - began)
        if trial is None:
            return
        values = wanted.space.suggest(trial)
        trial.set_user_attr("values", values)
        ground.tell(f"trial {trial.number}: {', '.join(f'{key} {value}' for key, value in values.items())}")
        problem = _tried(study, trial, values, ground)
        failed = failed + 1 if problem else 0
        if failed == HOPELESS:
            raise UserError(f"{HOPELESS} trials in a row failed, the last one so: {problem}", "Mend that, or narrow the space (--space).")


def _tried(study: Any, trial: Any, values: dict[str, Any], ground: Ground) -> str:
    """Run one trial and enter how it ended; returns why it failed, or ""."""
    import optuna
    from optuna.trial import TrialState

    problem = ""
    try:
        study.tell(trial, trials.run(trial, values, ground))
    except optuna.TrialPruned:
        ground.tell(f"trial {trial.number}: given up, it lags behind the others")
        study.tell(trial, state=TrialState.PRUNED)
    except Stopped as exc:
        raise Stopped(
            f"The study was stopped in trial {trial.number}; everything is saved.", "The same command goes on from there."
        ) from exc
    except UserError as exc:  # the loss is not a number, the memory does not suffice: with these settings it cannot be trained
        problem = str(exc)
        ground.tell(f"trial {trial.number}: failed: {problem}")
        trial.set_user_attr("problem", problem)
        study.tell(trial, state=TrialState.PRUNED)  # not FAIL: Optuna would learn nothing from it, and try the like again
    trials.clear(trial.number, ground.work)
    return problem


def _next(study: Any, wanted: Wanted, seed: int, *, late: bool) -> Any:
    """The trial that was cut off, else a new one; None when the number or the time is used up."""
    import optuna

    # One sampler for each trial, seeded by its number: a study that was cut off proposes what it would have proposed.
    ended = len(study.get_trials(deepcopy=False))
    running = _running(study)
    if running:
        study.sampler = _sampler(seed + running[0].number)
        return optuna.trial.Trial(study, running[0]._trial_id)
    if _ended(study) >= wanted.trials or late:
        return None
    study.sampler = _sampler(seed + ended)
    return study.ask()


def _sampler(seed: int) -> Any:
    import optuna

    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP, multivariate=True)


def _opened(file: Path, wanted: Wanted, request: dict[str, str], pairs: Sequence[Pair]) -> Any:
    """The study in the file; a new one first tries the settings as they are. Raises UserError when it was begun with another request."""
    import optuna

    if not file.is_file():
        _begun(file, wanted, request, pairs)
    pruner = optuna.pruners.MedianPruner(n_startup_trials=STARTUP)
    study = optuna.load_study(study_name=wanted.name, storage=f"sqlite:///{file}", pruner=pruner)
    before = study.user_attrs["request"]
    if before != request:
        differs = [key for key in request if before.get(key) != request[key]]
        raise UserError(f"The study '{wanted.name}' was begun with other {', '.join(differs)}.", "Give the new one another --name.")
    return study


def _begun(file: Path, wanted: Wanted, request: dict[str, str], pairs: Sequence[Pair]) -> None:
    """A new study, made beside its file and then put there: a kill amid the making of its tables would leave a file that cannot be used."""
    import optuna

    file.parent.mkdir(parents=True, exist_ok=True)
    making = file.with_suffix(".new")
    for left in (making, Path(f"{making}-journal")):
        left.unlink(missing_ok=True)
    storage = optuna.storages.RDBStorage(f"sqlite:///{making}")
    study = optuna.create_study(study_name=wanted.name, storage=storage, direction="maximize")
    study.enqueue_trial(dict(wanted.space.present))
    study.set_user_attr("pairs", {pair.id: [pair.answerable, pair.docs[0] if pair.docs else pair.id] for pair in pairs})
    study.set_user_attr("request", request)
    storage.engine.dispose()
    making.replace(file)


def _request(settings: Settings, wanted: Wanted, pairs: Sequence[Pair], tested: Sequence[Pair], assistant: Assistant) -> dict[str, str]:
    """What must be the same for trials to be compared: name of it -> its hash."""
    searched = {dimension.key for dimension in wanted.space.dimensions}
    fixed = {
        key: value for key, value in settings.train.model_dump(mode="json").items() if key not in {*searched, "qa", "checkpoint_seconds"}
    }
    space = [asdict(dimension) for dimension in wanted.space.dimensions]
    parts = {
        "pairs": data_hash([], [*pairs]),
        "test pairs": data_hash([], [*tested]),
        "space": repr(space),
        "settings of [train]": repr(sorted(fixed.items())),
        "settings of [retrieve] and [context]": settings.retrieve.model_dump_json() + settings.context.model_dump_json(),
        "model": resolve(settings.generate.model, settings).revision,
        "prompts": template_hash(),
        "index": assistant.retriever.live.current().version if _retrieves(settings) else "",
    }
    return {name: content_id(text) for name, text in parts.items()}


def _retrieves(settings: Settings) -> bool:
    return bool({"context", "synthetic"} & {name.strip() for name in settings.train.recipe.split("+")})


def _usable(settings: Settings, pairs: Sequence[Pair], tested: Sequence[Pair], assistant: Assistant) -> list[Pair]:
    """Compared with the test pairs once, not in every trial."""
    if not tested:
        return list(pairs)
    embedder = assistant.retriever.embedder if _retrieves(settings) else open_embedder(settings)
    return check(pairs, leakage(pairs, tested, embedder.embed_queries), settings.train.leakage)


def _running(study: Any) -> list[Any]:
    from optuna.trial import TrialState

    found: list[Any] = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    return found


def _ended(study: Any) -> int:
    return sum(each.state.is_finished() for each in study.get_trials(deepcopy=False))


def _file(settings: Settings, name: str) -> Path:
    if not NAME.fullmatch(name):
        raise InputError(
            f"'{name}' cannot be a study's name.", "Use at most 64 of a-z, 0-9, dot, dash and underscore, a letter or digit first."
        )
    return settings.home.resolve() / FOLDER / f"{name}.db"


@contextmanager
def _lock(file: Path) -> Iterator[None]:
    from filelock import FileLock, Timeout

    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(file.with_suffix(".lock"), timeout=0.1):
            yield
    except Timeout as exc:
        raise UserError(f"The study '{file.stem}' is run by another process.", "Wait for it, or give another --name.") from exc


@contextmanager
def _quiet() -> Iterator[None]:
    """Optuna reports every trial by itself, and warns of what is meant here (multivariate sampling is called experimental)."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="optuna")
            warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)
