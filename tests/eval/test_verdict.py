"""The verdict in words: what it says, in both languages."""

from __future__ import annotations

import re
from typing import Any

import pytest

from eval.phrases import Phrases, table
from eval.types import Case, Contrast, Estimate, Failure, Reply, Run
from eval.verdict import verdict
from rag.errors import UserError
from rag.qa import Pair

MAIN = "f1"


def contrast(name: str, effect: float, low: float, high: float, *, metric: str = MAIN, n: int = 412, **more: Any) -> Contrast:
    arm, _, other = name.partition(" - ")
    values = {"p_holm": 0.001 if low > 0 or high < 0 else 0.4, "mde": 0.05, "margin": 0.03, "equivalent": False, **more}
    return Contrast(name, arm, other, metric, Estimate(effect, low, high, n, 40), 0, 0, 0, p=values["p_holm"], **values)


def run(*contrasts: Contrast, documents: int = 40, failures: int = 0, estimates: dict[str, dict[str, Estimate]] | None = None) -> Run:
    cases = tuple(Case(Pair(str(number), "?", ("x",), (f"work{number % documents}.md",), language="en")) for number in range(412))
    failed = tuple(Failure(str(number), "rag", "timeout") for number in range(failures))
    replies = tuple(Reply(case.id, "icl", "x") for case in cases)
    return Run("run", {"metric": MAIN}, cases, (), replies, failed, (), estimates or {}, contrasts, (), {}, ())


def rate(mean: float) -> Estimate:
    return Estimate(mean, mean, mean, 120, 40)


WINS = contrast("rag - icl", 0.31, 0.26, 0.36)
ADDS = contrast("rag+lora - rag", 0.042, 0.011, 0.073)
HALVES = contrast("rag+lora - rag", 0.3, 0.2, 0.4, metric="refusal_recall")
SHARES = {"rag": {"refusal_recall": rate(0.4)}, "rag+lora": {"refusal_recall": rate(0.7)}}


def test_retrieval_wins_and_the_adapter_pays_on_top() -> None:
    whole = run(WINS, ADDS, HALVES, estimates=SHARES)
    assert verdict(whole).headline == (
        "RAG beats prompting by 31 points of F1 (95 % CI 26–36, n = 412). The adapter adds 4.2 (1.1–7.3) on top. "
        "On refusing what the corpus does not hold, it halves the mistakes (30 % instead of 60 %). Worth it."
    )
    assert verdict(whole, language="ru").headline == (
        "RAG лучше промпта с примерами на 31 пункт по F1 (95 % ДИ 26–36, n = 412). Адаптер добавляет сверху ещё 4,2 (1,1–7,3). "
        "Там, где в документах ответа нет, RAG с адаптером ошибается вдвое реже (30 % вместо 60 %). Адаптер того стоит."
    )


def test_no_difference_says_what_could_have_been_found() -> None:
    nothing = run(contrast("rag - icl", 0.02, -0.05, 0.09, n=80, mde=0.118))
    assert verdict(nothing).headline == "No difference was found; with 80 questions nothing under 12 points could have been."
    assert (
        verdict(nothing, language="ru").headline
        == "Разницы не найдено; на 80 вопросах разницу меньше 12 пунктов и нельзя было бы заметить."
    )


def test_practically_the_same_is_not_the_same_as_not_found() -> None:
    same = run(contrast("rag - icl", 0.002, -0.02, 0.02, equivalent=True))
    said = "No difference was found: whatever was compared is practically the same, within 3 points of F1 (n = 412)."
    assert verdict(same).headline == said
    assert "различия меньше 3 пунктов по F1" in verdict(same, language="ru").headline


def test_an_adapter_that_does_harm_is_said_to() -> None:
    harm = run(WINS, contrast("rag+lora - rag", -0.051, -0.09, -0.01))
    assert verdict(harm).headline.endswith("The adapter on top costs 5.1 points (1–9). Retrieval is enough: the adapter is not worth it.")
    assert verdict(harm, language="ru").headline.endswith(
        "Адаптер сверху отнимает 5,1 пункта (1–9). Поиска достаточно: адаптер себя не оправдывает."
    )


def test_an_adapter_that_shows_nothing_has_not_lost() -> None:
    open_ = run(WINS, contrast("rag+lora - rag", 0.01, -0.02, 0.04))
    assert verdict(open_).headline.endswith(
        "Whether the adapter adds anything on top was not found; nothing under 5 points could have been. "
        "So far retrieval is enough: the adapter has not shown its worth."
    )


def test_retrieval_that_does_harm_is_said_to() -> None:
    assert verdict(run(contrast("rag - icl", -0.2, -0.3, -0.1))).headline == (
        "RAG is 20 points of F1 worse than prompting (95 % CI 10–30, n = 412). Retrieval is not worth it here."
    )


def test_a_real_but_tiny_difference_is_called_practically_none() -> None:
    tiny = run(WINS, contrast("rag+lora - rag", 0.01, 0.005, 0.015, equivalent=True))
    assert "changes practically nothing: within 3 points. Retrieval is enough" in verdict(tiny).headline


def test_refusing_too_much_is_said_even_where_the_adapter_pays() -> None:
    more = contrast("rag+lora - rag", 0.1, 0.05, 0.15, metric="over_refusal")
    shares = {"rag": {"over_refusal": rate(0.02)}, "rag+lora": {"over_refusal": rate(0.12)}}
    headline = verdict(run(WINS, ADDS, more, estimates=shares)).headline
    assert "But it wrongly refuses more questions that have an answer (12 % instead of 2 %)." in headline


def test_several_adapters_are_named_and_the_best_comes_first() -> None:
    headline = verdict(run(WINS, contrast("rag+lora:a - rag", 0.02, 0.01, 0.03), contrast("rag+lora:b - rag", 0.05, 0.02, 0.08))).headline
    assert headline.index("The adapter “b” adds 5") < headline.index("The adapter “a” adds 2")


def test_diagnostics_and_the_interaction_are_no_verdict() -> None:
    only = run(contrast("rag - shuffled", 0.3, 0.2, 0.4), contrast("interaction", 0.3, 0.2, 0.4))
    assert verdict(only).headline.startswith("Nothing was compared")
    assert verdict(run()).headline.startswith("Nothing was compared")


def test_with_far_too_few_questions_no_figure_is_invented() -> None:
    hopeless = run(contrast("rag - icl", 0.3, -1, 1, n=2, mde=float("inf")))
    assert verdict(hopeless).headline == "No difference was found; with 2 questions none could have been."


def test_failures_and_few_documents_are_told_beside_it() -> None:
    assert verdict(run(WINS)).notes == ()
    notes = verdict(run(contrast("rag - icl", 0.31, 0.26, 0.36, n=409), documents=3, failures=3)).notes
    assert notes[0] == "3 of 415 replies failed (rag: 3); they are listed, and in no figure."
    assert notes[1].startswith("The questions are about 3 documents only")
    assert notes[2].startswith("Compared on 409 of 412 questions")
    assert verdict(run(WINS, documents=12), language="ru").notes == (
        "Вопросы относятся всего к 12 документам, поэтому интервалы широкие; новые документы помогут больше, чем новые вопросы.",
    )


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("outcome", [(0.2, 0.1, 0.3), (-0.2, -0.3, -0.1), (0.0, -0.1, 0.1)])
@pytest.mark.parametrize("equivalent", [True, False])
@pytest.mark.parametrize(
    "arms", ["rag - icl", "lora - icl", "rag+lora - rag", "rag+lora:mine - rag", "rag+lora - lora", "theirs - rag", "rag#2 - rag"]
)
def test_every_outcome_has_its_words(language: str, outcome: tuple[float, float, float], equivalent: bool, arms: str) -> None:
    said = verdict(run(contrast(arms, *outcome, equivalent=equivalent)), language=language).headline
    assert said.endswith(".")
    assert not re.search(r"[{}]|  |\bnan\b|\binf\b|None", said)
    if language == "ru":
        assert not set(re.findall(r"[A-Za-z]+", said)) - {"RAG", "F", "n", "mine", "theirs", "rag"}


def test_both_languages_have_the_same_words_to_fill() -> None:
    en, ru = table()["en"], table()["ru"]
    assert set(en) == set(ru)
    assert set(en["metrics"]) == set(ru["metrics"])
    assert set(en["arms"]) == set(ru["arms"])


@pytest.mark.parametrize(
    ("value", "digits", "points", "of"),
    [
        (1, 0, "1 пункт", "1 пункта"), (2, 0, "2 пункта", "2 пунктов"), (11, 0, "11 пунктов", "11 пунктов"),
        (21, 0, "21 пункт", "21 пункта"), (4.2, 1, "4,2 пункта", "4,2 пункта"),
        (4.0, 1, "4 пункта", "4 пунктов"), (112, 0, "112 пунктов", "112 пунктов"),
    ],
)  # fmt: skip
def test_russian_numbers_agree_with_their_nouns(value: float, digits: int, points: str, of: str) -> None:
    say = Phrases("ru")
    assert say.count("points", value, digits) == points
    assert say.count("points_of", value, digits) == of


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(UserError, match="'de'"):
        verdict(run(WINS), language="de")
