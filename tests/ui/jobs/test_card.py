"""A job's card says how it stands in words, in both languages, and shows what a command wrote as text only."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from tests.ui.stage import HOSTILE
from ui.chat.text import Language
from ui.jobs.card import job_card, style
from ui.jobs.jobs import Job, State
from ui.jobs.text import TEXTS

JOB = Job(
    id="20260101-000000-train-abc123", kind="train", title="A training", arguments=("train",), state="running", began=time.time() - 30,
    ended=None, stage="embedding", done=1500, total=4000, seconds_left=125.0, lines=("one", "two"), problem="", returncode=None,
    folder=Path("x"),
)  # fmt: skip


def test_a_running_job_shows_stage_count_and_time_left() -> None:
    card = job_card(JOB, "en")
    assert '<progress aria-label="Progress: embedding" value="1500" max="4000">' in card
    assert "embedding · 1,500 of 4,000 · about 2 min left" in card
    assert "векторы фрагментов · 1 500 из 4 000 · осталось около 2 мин" in job_card(JOB, "ru")


def test_what_a_command_said_is_in_the_language_of_the_page() -> None:
    lines = ("embedding: 1,500/4,000 (20.5/s, 122 s left)", "training: ...", "Going on from step 5 (checkpoint-5).", "something else")
    failed = replace(JOB, state="failed", lines=lines, problem="There is no adapter 'a<b'. There are: c, d.\nIt was killed.")
    russian, english = job_card(failed, "ru"), job_card(failed, "en")
    assert '<p class="problem">Адаптера «a&lt;b» нет. Есть: c, d.<br>Её прервали.</p>' in russian
    said = (
        "векторы фрагментов: 1,500/4,000 (20.5/с, осталось 122 с)",
        "обучение: ...",
        "Продолжаем с шага 5 (checkpoint-5).",
        "something else",
    )
    assert "\n".join(said) in russian
    assert "There is no adapter &#x27;a&lt;b&#x27;." in english and "\n".join(lines) in english


def test_a_stage_of_unknown_length_has_a_bar_without_a_value() -> None:
    assert re.search(r'<progress aria-label="[^"]*"></progress>', job_card(replace(JOB, total=0, done=0, seconds_left=None), "en"))


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("state", get_args(State))
def test_every_state_has_words_of_its_own(state: State, language: Language) -> None:
    card = job_card(replace(JOB, state=state, ended=time.time(), problem="It broke."), language)
    assert TEXTS[language].states[state] in card and f'lang="{language}"' in card
    assert ("It broke." in card) == (state == "failed")
    assert ("<progress" in card) == (state == "running")


def test_a_job_that_was_asked_to_stop_says_so() -> None:
    card = job_card(replace(JOB, stopping=True), "en")
    assert "Stopping" in card and "left" not in card


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_command_says_is_text(text: str) -> None:
    for state in get_args(State):
        card = job_card(replace(JOB, title=text, stage=text, problem=text, lines=(text,), state=state, ended=1.0), "en")
        ours = "article|header|h3|p|span|br|progress|details|summary|pre"
        assert re.fullmatch(rf"(?:[^<>]|</?(?:{ours})(?: [a-z-]+=\"[^\"<>]*\")*>)*", card), card
        assert not set(card) & set("\x1b\u202e\u2066")


def test_durations_are_said_in_the_unit_a_person_would_use() -> None:
    text = TEXTS["en"]
    assert [text.duration(seconds) for seconds in (0, 45, 120, 3600, 9000)] == ["1 s", "45 s", "2 min", "60 min", "2 h 30 min"]


def test_the_style_sheet_is_there() -> None:
    assert ".job" in style()
