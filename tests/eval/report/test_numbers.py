"""Laws of written numbers."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.report.numbers import MINUS, Numbers
from eval.types import Estimate

EN, RU = Numbers("en"), Numbers("ru")


def test_an_interval_follows_its_mean_in_percent() -> None:
    estimate = Estimate(0.464, 0.385, 0.535, 200, 40)
    assert EN.estimate("f1", estimate) == "46.4 [38.5, 53.5]"
    assert RU.estimate("f1", estimate) == "46,4 [38,5; 53,5]"


def test_an_effect_has_its_sign_and_a_real_minus() -> None:
    estimate = Estimate(0.02, -0.01, 0.05, 200, 40)
    assert EN.estimate("f1", estimate, sign=True) == "+2.0 [−1.0, +5.0]"
    assert EN.percent(-0.0004, sign=True) == "0.0"


@pytest.mark.parametrize(("value", "shown"), [(math.nan, "–"), (math.inf, "∞"), (-math.inf, f"{MINUS}∞"), (12345.6, "12\u202f345.6")])
def test_numbers_that_are_not_ordinary(value: float, shown: str) -> None:
    assert EN.plain(value) == shown


def test_times_and_tokens_are_not_percents() -> None:
    assert EN.value("first_token", 1.234) == "1.23 s"
    assert RU.value("total", 12.34) == "12,3 с"
    assert EN.value("prompt_tokens", 381.6) == "382"


def test_small_p_values_are_not_zero() -> None:
    assert (EN.p(0.0), EN.p(0.0512), RU.p(0.0004)) == ("< 0.001", "0.051", "< 0,001")


@given(st.floats(-1, 1))
def test_both_languages_write_the_same_number(share: float) -> None:
    written = EN.percent(share, sign=True)
    assert RU.percent(share, sign=True) == written.replace(".", ",")
    assert math.isclose(float(written.replace(MINUS, "-")), 100 * share, abs_tol=0.0501)
