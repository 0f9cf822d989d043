"""Laws of the words: complete in both languages, and nothing of one on the page of the other."""

from __future__ import annotations

import re
import string
from dataclasses import replace

import pytest

from eval.arms.arm import ARMS, OUTSIDE
from eval.attribution import CAUSES
from eval.report.overview import ELSEWHERE
from eval.report.page import page
from eval.report.view import slug
from eval.report.words import LANGUAGES, Words, table
from eval.scoring import METRICS
from eval.types import Run
from eval.verdict import Verdict
from tests.eval.report.made import JUDGED, empty, made_pairs, made_run
from tests.eval.report.reading import read

LATIN = re.compile("[A-Za-z]+")
CYRILLIC = re.compile("[А-Яа-яЁё]+")
SHARED = {"n", "p", "F", "ROUGE", "L", "k", "report", "json", "scores", "csv", *string.ascii_uppercase[: len(CAUSES)]}
"""Written alike in both languages; causes have letters."""


def fields(phrase: str | list[str]) -> list[str]:
    return sorted(str(name) for _, name, _, _ in string.Formatter().parse(str(phrase)) if name is not None)


def russian_data() -> Run:
    """A run whose texts hold no Latin letter; names of arms, metrics and settings keep theirs."""
    run = made_run(made_pairs(60, word="слово{}".format))
    return replace(
        run,
        failures=tuple(replace(each, what="нет ответа") for each in run.failures),
        replies=tuple(replace(each, text="да") for each in run.replies),
        judged={**JUDGED, "rubric": "1. Верно."},
    )


def named(run: Run) -> set[str]:
    """Latin words that are data: arms, metrics, causes, languages, kinds, tags, places, and all of the manifest."""
    data = [*run.estimates, *(metric for found in run.estimates.values() for metric in found), JUDGED["model"], run.name]
    data += [f"{case.pair.language} {case.pair.kind} {case.origin} {' '.join(case.tags)}" for case in run.cases]
    data += [" ".join((*found.ranked, *map(str, found.dropped), found.case)) for found in run.retrievals]
    data += [each.name for each in run.contrasts] + [repr(run.manifest), "md false"]
    return {word for text in data for word in LATIN.findall(text)}


def test_every_phrase_is_there_in_both_languages_with_the_same_places_to_fill() -> None:
    for key, phrases in table().items():
        assert set(phrases) == set(LANGUAGES), key
        assert all(phrases.values()), key
        assert fields(phrases["en"]) == fields(phrases["ru"]), key
        assert not CYRILLIC.search(str(phrases["en"])), key


def test_every_noun_has_its_forms() -> None:
    for key, phrases in table().items():
        if isinstance(phrases["en"], list):
            assert (len(phrases["en"]), len(phrases["ru"])) == (2, 3), key


def test_every_metric_and_every_cause_is_explained() -> None:
    metrics = [metric.partition("@")[0] for metric in METRICS if metric not in ELSEWHERE]
    wanted = [f"metric_{slug(metric)}" for metric in metrics]
    wanted += [f"name_{slug(metric)}" for metric in METRICS if "@" not in metric and metric not in ELSEWHERE]
    wanted += [f"arm_{slug(arm)}" for arm in ARMS.parts if arm != OUTSIDE]
    wanted += [f"cause_{slug(cause)}{end}" for cause in CAUSES for end in ("", "_meaning")]
    assert not [key for key in wanted if key not in table()]


FORMS = {1: "вопрос", 2: "вопроса", 5: "вопросов", 11: "вопросов", 21: "вопрос", 112: "вопросов", 124: "вопроса"}


@pytest.mark.parametrize("n", FORMS)
def test_numbers_take_the_right_form(n: int) -> None:
    assert Words("en").count("questions", n) == f"{n} question{'s' if n != 1 else ''}"
    assert Words("ru").count("questions", n) == f"{n} {FORMS[n]}"


@pytest.mark.parametrize("made", [russian_data(), empty(russian_data())], ids=["full", "empty"])
def test_nothing_english_is_left_on_the_russian_page(made: Run) -> None:
    document = read(page(made, Verdict("Поиск лучше.", ("Сбоев мало.",)), language="ru"))
    shown = " ".join([*document.words, *(tag.attributes.get("aria-label", "") for tag in document.tags)])
    words = set(LATIN.findall(shown))
    assert not {word for word in words if word not in named(russian_data()) | SHARED}
    assert next(tag for tag in document.tags if tag.name == "html").attributes["lang"] == "ru"


def test_nothing_russian_is_left_on_the_english_page() -> None:
    assert not CYRILLIC.search(read(page(made_run(), Verdict("Retrieval is better."))).text)


def test_every_phrase_is_used(request: pytest.FixtureRequest) -> None:
    folder = request.config.rootpath / "eval" / "report"
    code = "".join(file.read_text(encoding="utf-8") for kind in ("*.py", "templates/*.html") for file in folder.glob(kind))
    families = ("metric_", "name_", "arm_", "cause_", "dimension_", "contrast_", "test_", "role_")
    unused = [key for key in table() if not key.startswith(families) and not re.search(rf"""["']{key}["']""", code)]
    meanings = [key for key in unused if not key.endswith("_meaning")]
    assert not meanings
