"""A whole training on the tiny model: it learns, it resumes, it says what went wrong."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import adapters.train.length
import adapters.train.run
from adapters import store
from adapters.attach import method_of
from adapters.card import Card
from adapters.method import METHODS
from adapters.train.estimate import within
from adapters.train.length import estimated
from adapters.train.plan import Plan
from adapters.train.record import with_length
from adapters.train.run import Stopped, train
from adapters.train.trainer import COMPLETE, AdapterTrainer, latest_checkpoint
from adapters.train.validate import Judge
from rag.assistant import open_assistant
from rag.errors import UserError
from rag.qa import Pair
from rag.settings import Settings, Train

pytestmark = pytest.mark.slow

Make = Callable[..., tuple[Settings, Plan]]


def first_letter(pair: Pair, text: str) -> float:
    return float(text[:1] == pair.answers[0][:1])


def run(settings: Settings, plan: Plan, said: list[str] | None = None, **named: Any) -> Card:
    tell = said.append if said is not None else lambda _: None
    return train(settings, plan, open_assistant(settings), Judge(first_letter), tell=tell, **named)


def weights(settings: Settings, name: str) -> dict[str, torch.Tensor]:
    return load_file(settings.home / "adapters" / name / "adapter_model.safetensors")


def test_a_training_learns_and_its_card_says_how(planned: Make) -> None:
    settings, plan = planned()
    said: list[str] = []
    card = run(settings, plan, said)
    stored = store.find("small", settings.home)
    assert Card.read(stored.folder) == card and card.sha256 == stored.sha256
    losses = [point.loss for point in card.curve if point.loss is not None]
    assert losses[-1] < 0.6 * losses[0]
    assert card.data.sizes == {"closed-book": 12} and card.data.sha256 == plan.prepared.hash
    assert card.evaluation["held_back_score"] == max(point.f1 or 0 for point in card.curve)
    assert any("held-back" in line for line in said) and any("in place" in line for line in said)
    assert not (settings.home / "trainings" / "small").exists()
    assert method_of(card).name == "lora"
    assert {tensor.dtype for tensor in weights(settings, "small").values()} == {torch.bfloat16}


def test_the_same_request_gives_the_same_weights_and_another_seed_others(planned: Make) -> None:
    one = run(*planned("one"))
    again = run(*planned("again"))
    other = run(*planned("other", seed=1))
    assert one.sha256 == again.sha256 != other.sha256


def test_a_card_says_the_rate_that_the_settings_left_to_the_method(planned: Make) -> None:
    settings, plan = planned("rated", learning_rate=0.0)
    assert run(settings, plan).training["learning_rate"] == METHODS.load("lora")().learning_rate


@pytest.mark.parametrize("method", ["dora", "ia3", "prefix", "prompt", "bottleneck", "bitfit", "partial", "adalora"])
def test_every_kind_of_method_goes_through_the_loop(planned: Make, method: str) -> None:
    settings, plan = planned(method, method=method, epochs=2)
    card = run(settings, plan)
    assert card.method == method and card.parameters > 0
    assert card.curve and all(point.loss is None or point.loss < 20 for point in card.curve)


def test_ctrl_c_saves_and_the_same_command_goes_on_to_the_same_weights(planned: Make) -> None:
    undisturbed = run(*planned("calm"))
    settings, plan = planned("stopped")
    asked = False

    def press(stage: str, done: int, total: int) -> None:
        nonlocal asked
        if stage == "training" and done == 3 and not asked:
            asked = True
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Stopped, match="Stopped at step 3"):
        run(settings, plan, progress=press)
    said: list[str] = []
    card = run(settings, plan, said)
    assert "Going on from step 3" in said[0]
    assert card.sha256 == undisturbed.sha256


def test_kill_at_ten_random_moments_ends_with_the_weights_of_an_undisturbed_run(planned: Make) -> None:
    calm = {"epochs": 12, "checkpoint_seconds": 0.02}
    undisturbed = run(*planned("calm", **calm))
    settings, plan = planned("killed", **calm)
    chance, kills = random.Random(0), 0
    began = time.perf_counter()
    run(*planned("timed", **calm))
    whole = time.perf_counter() - began
    while kills < 10:
        child = os.fork()
        if child == 0:  # the parent has imported everything, so that the moments fall into the training itself
            run(settings, plan)
            os._exit(0)
        time.sleep(chance.uniform(0.05, 0.8) * whole)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        kills += 1
        if "killed" in store.names(settings.home):  # it had come to its end: look, and begin another
            assert Card.read(store.find("killed", settings.home).folder).sha256 == undisturbed.sha256
            store.delete("killed", settings.home)
    assert run(settings, plan).sha256 == undisturbed.sha256


def test_a_checkpoint_that_was_cut_off_does_not_count(tmp_path: Path) -> None:
    for step, whole in ((2, True), (4, True), (6, False)):
        (tmp_path / f"checkpoint-{step}").mkdir()
        if whole:
            (tmp_path / f"checkpoint-{step}" / COMPLETE).touch()
    assert latest_checkpoint(tmp_path) == tmp_path / "checkpoint-4"
    assert not (tmp_path / "checkpoint-6").exists()
    assert latest_checkpoint(tmp_path / "nothing") is None


def test_an_unfinished_training_of_another_request_is_not_overwritten(planned: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, plan = planned()
    monkeypatch.setattr(AdapterTrainer, "training_step", _dies)
    with pytest.raises(UserError, match="not enough memory"):
        run(settings, plan)
    monkeypatch.undo()
    other, changed = planned(seed=5)
    with pytest.raises(UserError, match=r"train.seed \(0 then, 5 now\)"):
        run(other, changed)
    assert run(other, changed, fresh=True).seed == 5


def test_a_version_with_another_rate_for_the_method_does_not_go_on_unasked(planned: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, plan = planned(learning_rate=0)
    monkeypatch.setattr(AdapterTrainer, "training_step", _dies)
    with pytest.raises(UserError, match="not enough memory"):
        run(settings, plan)
    monkeypatch.undo()
    now = plan.method.learning_rate
    monkeypatch.setattr(type(plan.method), "learning_rate", 2 * now)
    with pytest.raises(UserError, match=rf"train.learning_rate \({now} then, {2 * now} now\)"):
        run(settings, plan)


def _dies(*_: Any, **__: Any) -> Any:
    raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 99 bytes.")


def test_a_loss_that_is_not_a_number_is_explained(planned: Make) -> None:
    settings, plan = planned(learning_rate=1e30)  # the product of two such matrices is no number in 32 bits, on any processor
    with pytest.raises(UserError, match="lower rate"):
        run(settings, plan)


def test_an_estimate_counts_tokens_and_changes_nothing(planned: Make) -> None:
    settings, plan = planned()
    found = estimated(settings, plan, open_assistant(settings))
    assert found.examples == 12 and found.steps > 0 and found.seconds > 0 and found.gigabytes > 0
    assert found.steps == found.whole_steps and found.seconds == found.whole_seconds
    assert found.tokens > 12 * 50 and found.parameters > 0
    assert not (settings.home / "adapters").exists()


def test_a_training_that_would_take_too_long_is_cut_and_its_card_gives_the_length(planned: Make) -> None:
    settings, plan = planned(minutes=1e-5, epochs=40)
    asked = estimated(settings, plan, open_assistant(settings))
    assert asked.steps == 1 < asked.whole_steps and asked.seconds < asked.whole_seconds
    said: list[str] = []
    card = run(settings, plan, said)
    assert card.training["validations"] == 1 and card.curve[-1].step == 1
    assert card.training["epochs"] == pytest.approx(40 / asked.whole_steps)
    assert any(f"All {asked.whole_steps:,} steps would take" in line and "train.minutes=0" in line for line in said)
    again, plan = planned("again", minutes=0, epochs=card.training["epochs"], validations=1)
    run(again, plan)
    cut, whole = weights(settings, "small"), weights(again, "again")
    assert cut.keys() == whole.keys() and all(torch.equal(cut[name], whole[name]) for name in cut)


def test_the_command_on_a_card_gives_the_length_that_a_limit_of_time_left() -> None:
    cut = Train.model_validate({"minutes": 20, "epochs": 0.3125, "validations": 1})
    typed = ["--set", "train.epochs=3", "train", "--name", "train"]
    length = ["--set", "train.minutes=0", "--set", "train.epochs=0.3125", "--set", "train.validations=1"]
    assert with_length(typed, cut) == ["--set", "train.epochs=3", *length, "train", "--name", "train"]
    assert with_length(typed, cut.model_copy(update={"minutes": 0.0})) == typed
    assert with_length(["-q"], cut) == ["-q"]


def test_a_training_that_goes_on_keeps_its_length_and_another_limit_is_another_training(
    planned: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, plan = planned(minutes=1e-5, epochs=40)
    monkeypatch.setattr(adapters.train.run, "_loop", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(settings, plan)
    monkeypatch.undo()
    longer = settings.model_copy(update={"train": settings.train.model_copy(update={"minutes": 0.0})})
    with pytest.raises(UserError, match=r"train\.minutes \(1e-05 then, 0\.0 now\).*--fresh"):
        run(longer, plan)
    monkeypatch.setattr(adapters.train.length, "measured", interrupted)  # it is not measured again
    assert run(settings, plan).curve[-1].step == 1


def interrupted(*_: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("minutes", "epochs", "validations"),
    [(0.0, 2.0, 3), (10.0, 2.0, 3), (6.0, 1.0, 1), (1.1, 0.02, 1), (0.01, 0.02, 1)],
)
def test_as_many_steps_as_fit_and_never_none(minutes: float, epochs: float, validations: int) -> None:
    """100 steps of 6 s and three validations of 0 s, or one of 60 s, are 10 minutes."""
    asked = Train.model_validate({"epochs": 2.0, "validations": 3, "minutes": minutes})
    left = within(asked, steps=100, step=6.0, validation=0.0 if minutes in (0.0, 10.0) else 60.0)
    assert left.epochs == pytest.approx(epochs) and left.validations == validations
