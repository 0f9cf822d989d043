"""A study on the tiny model: the first trial is the present, test pairs are never asked, nothing is lost however it ends."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adapters import store
from adapters.study import study as studies
from adapters.study.outcome import Outcome
from adapters.study.space import Space, parse
from adapters.study.study import Wanted
from adapters.tiny import save_tiny
from adapters.train.run import Stopped
from adapters.train.trainer import AdapterTrainer
from rag.errors import InputError, UserError
from rag.qa import Pair
from rag.settings import Settings
from tests.adapters.made import tiny_settings

pytestmark = pytest.mark.slow

NAMES = ("Amber", "Basalt", "Cedar", "Dahlia", "Ember", "Fjord", "Garnet", "Heather")
PAIRS = [Pair(f"q{n}", f"{name}?", (("red", "blue")[n % 2],), (f"{name}.md",), language="en") for n, name in enumerate(NAMES)]
SPACE = "learning_rate = { low = 1e-3, high = 1e-2, log = true }\n[options]\nr = { choices = [2, 4] }"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture
def make(base: Path, tmp_path: Path) -> Callable[..., Settings]:
    def made(home: str = "home", **train: Any) -> Settings:
        settings = tiny_settings(base, tmp_path / home, backend="scripted")
        chosen = {"recipe": "closed-book", "style": "short", "epochs": 2.0, "batch_tokens": 400, "validations": 2, "validation": 0.3}
        chosen |= {"learning_rate": 5e-3, "options": {"r": 2}, "checkpoint_seconds": 0.02, **train}
        return settings.model_copy(update={"train": settings.train.model_copy(update=chosen)})

    return made


def space(settings: Settings, text: str = SPACE) -> Space:
    return parse(text, settings, where="test")


def likeness(pair: Pair, text: str) -> float:
    """Something that every training changes a little."""
    return sum(letter in text for letter in pair.answers[0]) / len(pair.answers[0])


def run(settings: Settings, trials: int = 3, text: str = SPACE, **named: Any) -> Outcome:
    named = {"score": likeness, "tell": lambda _: None, **named}
    return studies.run(settings, Wanted("mine", space(settings, text), trials), PAIRS, named.pop("score"), **named)


def facts(found: Outcome) -> list[Any]:
    return [(trial.number, trial.state, dict(trial.values), trial.scores) for trial in found.trials]


def test_a_study_tries_the_present_settings_first_and_leaves_only_its_record(make: Callable[..., Settings]) -> None:
    settings, said = make(), list[str]()
    asked: set[str] = set()

    def score(pair: Pair, text: str) -> float:
        asked.add(pair.id)
        return likeness(pair, text)

    found = run(settings, score=score, tested=[Pair("t", "What is tested?", ("x",), ("other.md",))], tell=said.append)
    assert [trial.state for trial in found.trials] == ["finished"] * 3 and found.present is found.trials[0]
    assert found.trials[0].values == {"learning_rate": 5e-3, "options.r": 2}
    assert len({str(trial.values) for trial in found.trials}) == 3
    assert all(set(trial.scores) == asked for trial in found.trials) and "t" not in asked and asked < set(found.answerable)
    assert found.best is not None and found.best.score == max(trial.score or 0 for trial in found.trials)
    assert any(line.startswith("trial 2: learning_rate") for line in said) and any("trial 1: step" in line for line in said)
    assert not (settings.home / "adapters").exists() and not (settings.home / "trainings").exists()
    assert sorted(path.name for path in (settings.home / "studies").iterdir()) == ["mine.db", "mine.lock"]
    assert studies.names(settings) == ["mine"] and facts(studies.read(settings, "mine")) == facts(found)
    with pytest.raises(InputError, match="There are: mine"):
        studies.read(settings, "other")


def test_more_trials_go_on_with_the_study_and_time_that_is_up_begins_none(make: Callable[..., Settings]) -> None:
    settings = make()
    first = run(settings, 1)
    late = studies.run(settings, Wanted("mine", space(settings), 5, 1e-9), PAIRS, likeness, tell=lambda _: None)
    assert facts(late) == facts(first)
    both = run(settings, 2)
    assert facts(both)[:1] == facts(first) and len(both.trials) == 2


def test_a_study_that_is_killed_ends_as_an_undisturbed_one(make: Callable[..., Settings]) -> None:
    undisturbed = facts(run(make("calm")))
    settings = make("killed")
    kills = 0
    for wait in (0.2, 0.6, 1.0, 1.5, 2.5):
        child = os.fork()
        if child == 0:
            try:
                run(settings)
            finally:
                os._exit(0)
        time.sleep(wait)
        os.kill(child, signal.SIGKILL)
        kills += not os.WIFEXITED(os.waitpid(child, 0)[1])
    assert kills
    assert facts(run(settings)) == undisturbed


def test_a_study_that_is_killed_while_its_file_is_made_begins_again(make: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    undisturbed = facts(run(make("calm"), 1))
    settings = make("killed")

    def dies(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("optuna.study.Study.set_user_attr", dies)
        with pytest.raises(KeyboardInterrupt):
            run(settings, 1)
    assert studies.names(settings) == []
    assert facts(run(settings, 1)) == undisturbed


def test_ctrl_c_saves_the_trial_and_the_same_command_goes_on_with_it(make: Callable[..., Settings]) -> None:
    undisturbed = facts(run(make("calm")))
    settings, asked = make("stopped"), False

    def press(stage: str, done: int, total: int) -> None:
        nonlocal asked
        if stage == "training" and done == 2 and not asked and studies.names(settings) and len(studies.read(settings, "mine").trials) == 2:
            asked = True
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Stopped, match="stopped in trial 1"):
        run(settings, progress=press)
    assert [trial.state for trial in studies.read(settings, "mine").trials] == ["finished", "unfinished"]
    said: list[str] = []
    assert facts(run(settings, tell=said.append)) == undisturbed
    assert any("trial 1: Going on from step 2" in line for line in said)


def test_a_trial_that_ended_before_it_was_entered_is_not_trained_again(
    make: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = facts(run(make("calm"), 1))
    settings = make("killed")

    def dies(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("optuna.study.Study.tell", dies)
        with pytest.raises(KeyboardInterrupt):
            run(settings, 1)
    assert "trial-000" in store.names(settings.home / "studies" / "mine.work")
    said: list[str] = []
    assert facts(run(settings, 1, tell=said.append)) == undisturbed
    assert not any("step" in line for line in said)


def test_another_study_of_the_same_name_is_refused(make: Callable[..., Settings]) -> None:
    run(make(), 1)
    with pytest.raises(UserError, match=r"begun with other settings of \[train\]"):
        run(make(examples=5), 1)
    with pytest.raises(UserError, match="begun with other space"):
        run(make(), 1, text="epochs = { low = 1.0, high = 3.0 }\n" + SPACE)


def test_a_trial_that_lags_behind_is_given_up(make: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(studies, "STARTUP", 1)
    now = 0

    def tell(line: str) -> None:
        nonlocal now
        now = int(line.split()[1].rstrip(":"))

    found = run(make(), 2, score=lambda pair, text: float(now == 0), tell=tell)
    assert [(trial.state, trial.score) for trial in found.trials] == [("finished", 1.0), ("pruned", 0.0)]
    assert found.best is not None and found.best.number == 0 and found.importance == {}


@pytest.fixture
def no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings with a rate above 1 run out of memory."""
    step = AdapterTrainer.training_step

    def dies(self: Any, *given: Any, **named: Any) -> Any:
        if self.args.learning_rate > 1:
            raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 99 bytes.")
        return step(self, *given, **named)

    monkeypatch.setattr(AdapterTrainer, "training_step", dies)


@pytest.mark.usefixtures("no_memory")
def test_settings_that_cannot_be_trained_with_are_a_failed_trial_and_the_study_goes_on(make: Callable[..., Settings]) -> None:
    found = run(make(), 4, text="learning_rate = { choices = [5e-3, 9.0] }")
    failed = [trial for trial in found.trials if trial.state == "failed"]
    assert failed and all("not enough memory" in trial.problem and trial.score is None for trial in failed)
    assert found.trials[0].state == "finished" and len(found.trials) == 4


@pytest.mark.usefixtures("no_memory")
def test_a_study_in_which_everything_fails_ends_with_the_reason(make: Callable[..., Settings]) -> None:
    settings = make(learning_rate=8.0)
    with pytest.raises(UserError, match="3 trials in a row failed, the last one so: There is not enough memory"):
        run(settings, 9, text="learning_rate = { low = 8.0, high = 9.0 }")
    assert [trial.state for trial in studies.read(settings, "mine").trials] == ["failed"] * 3
