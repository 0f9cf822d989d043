"""The words of voting."""

from __future__ import annotations

import re
from dataclasses import asdict

from ui.votes.text import EN, RU


def test_both_languages_have_the_same_words_with_the_same_fields() -> None:
    russian = asdict(RU)
    for name, value in asdict(EN).items():
        assert bool(value) and bool(russian[name]), name
        assert value.count("{}") == russian[name].count("{}"), name


def test_nothing_is_left_in_english_in_russian() -> None:
    for name, value in asdict(RU).items():
        assert set(re.findall(r"[A-Za-z]\w+", value)) <= {"ru", "JSONL"}, name
