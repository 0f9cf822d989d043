"""The space of a study: every mistake at once, the present settings always in it, values as a person would write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.method import METHODS
from adapters.study.outcome import snippet
from adapters.study.space import Dimension, applied, default, parse, read
from rag.configure import load
from rag.errors import InputError, SettingsError
from rag.settings import Settings


class Drawn:
    """An Optuna trial that takes the same place of every range: 0 the beginning, 1 the end."""

    def __init__(self, place: float) -> None:
        self.place = place

    def suggest_categorical(self, key: str, choices: list[Any]) -> Any:
        return choices[round(self.place * (len(choices) - 1))]

    def suggest_int(self, key: str, low: int, high: int, *, log: bool) -> int:
        return round(low + self.place * (high - low))

    def suggest_float(self, key: str, low: float, high: float, *, log: bool) -> float:
        return low + self.place * (high - low)


def trained(settings: Settings, **train: Any) -> Settings:
    return settings.model_copy(update={"train": settings.train.model_validate({**settings.train.model_dump(), **train})})


@pytest.mark.parametrize("method", [name for name in METHODS.names() if name != "qlora"])  # needs its extra; has LoRA's options
@pytest.mark.parametrize("place", [0.0, 0.3, 1.0])
def test_every_point_of_the_default_space_can_be_trained_with(settings: Settings, method: str, place: float) -> None:
    chosen = trained(settings, method=method)
    found = applied(chosen, default(chosen).suggest(Drawn(place))).train
    assert found.unanswerable + found.absent < 1 and 1 <= found.passages <= settings.context.max_sources


def test_the_present_settings_are_in_the_space_even_outside_what_was_written(settings: Settings) -> None:
    chosen = trained(settings, epochs=5.0, learning_rate=0.0, options={"r": 24})
    space = parse(
        "epochs = { low = 1.0, high = 3.0 }\nlearning_rate = { low = 1e-3, high = 1e-2, log = true }\n"
        "[options]\nr = { choices = [8, 16] }\n",
        chosen,
        where="x",
    )
    assert space.present == {"epochs": 5.0, "learning_rate": METHODS.load("lora")().learning_rate, "options.r": 24}
    epochs, rate, rank = space.dimensions
    assert (epochs.high, rate.low, rank.choices) == (5.0, 6e-4, (8, 16, 24))


@given(place=st.floats(0, 1), low=st.floats(1e-6, 1), width=st.floats(1e-6, 10))
def test_numbers_have_three_digits(place: float, low: float, width: float) -> None:
    value = Dimension("epochs", low=low, high=low + width).suggest(Drawn(place))
    assert value == float(f"{value:.3g}") and value == pytest.approx(low + place * width, rel=0.01)


def test_every_mistake_is_named_at_once(settings: Settings) -> None:
    text = """
    seed = { low = 0, high = 3 }
    method = { choices = ["lora", "ia3"] }
    epochs = { low = 3.0, high = 1.0 }
    learning_rate = { low = 0.0, high = 1e-3, log = true }
    passages = [1, 2]
    [options]
    rank = { choices = [8, 16] }
    alpha = { choices = [[8], [16]] }
    """
    with pytest.raises(SettingsError) as caught:
        parse(text, settings, where="mine.toml")
    assert len(caught.value.problems) == 7 and all(problem.startswith("mine.toml: ") for problem in caught.value.problems)
    for words in (
        "seed cannot be searched",
        "method cannot",
        "epochs = ",
        "learning_rate = ",
        "passages = ",
        "options.rank cannot",
        "options.alpha = ",
    ):
        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("unanswerable = { low = 0.0, high = 0.7 }\nabsent = { low = 0.0, high = 0.5 }", "1.20 together"),
        ("passages = { low = 1, high = 9 }", "context.max_sources"),
        ('style = { choices = ["short", "full"] }', "cannot be compared"),
        ("unanswerable = { low = 0.0, high = 2.0 }", "unanswerable = 2.0"),
        ("[options]\nr = { choices = [0, 8] }", "r = 0"),
        ("warmup = { low = 0.01, high = 0.1, log = true }", "cannot contain"),
        ("", "nothing to try"),
    ],
)
def test_values_that_cannot_be_trained_with_or_compared_are_refused_before_the_first_trial(
    settings: Settings, text: str, said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        parse(text, trained(settings, warmup=0.0), where="mine.toml")


def test_a_file_that_cannot_be_read_is_one_line(settings: Settings, tmp_path: Path) -> None:
    for file, text in (("none.toml", None), ("bad.toml", "epochs = {")):
        if text is not None:
            (tmp_path / file).write_text(text)
        with pytest.raises(InputError, match=file) as caught:
            read(tmp_path / file, settings)
        assert "\n" not in str(caught.value)


def test_the_best_settings_can_be_pasted(settings: Settings) -> None:
    values = {"learning_rate": 3e-4, "style": "both", "options.r": 16, "options.targets": "all"}
    file = settings.home.parent / "atlas.toml"
    file.write_text(snippet(values), encoding="utf-8")
    train = load(file=file, overrides={}, environ={}).settings.train
    assert (train.learning_rate, train.style, train.options) == (3e-4, "both", {"r": 16, "targets": "all"})
