"""The tree: every combination of answers ends in a plan that goes back to the corpus."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from adapters.method import METHODS
from ui.chat.text import Language
from ui.pages.guide.page import SLOTS
from ui.pages.guide.sources import source
from ui.pages.guide.tree import PLACES, Tree, fits, plan, tree

LANGUAGES: tuple[Language, ...] = ("en", "ru")


def every_answers() -> Iterator[dict[str, str]]:
    keys = [question.key for question in tree().questions]
    for chosen in itertools.product(*([option.key for option in question.options] for question in tree().questions)):
        yield dict(zip(keys, chosen, strict=True))


def test_every_combination_of_answers_ends_in_a_plan_with_reasons_and_costs_that_fits_on_the_page() -> None:
    """And no rule and no line is one that no answers can bring up."""
    seen: set[tuple[str, str]] = set()
    shown: set[int] = set()
    for answers in every_answers():
        found = plan(answers)
        places = [advice.place for advice in found]
        assert "do" in places
        assert places == sorted(places, key=PLACES.index)
        assert len(places) - places.count("out") <= SLOTS
        assert len({advice.step.key for advice in found}) == len(found)
        for advice in found:
            assert advice.why, (advice.step.key, answers)
            assert advice.cost or advice.place == "out", (advice.step.key, answers)
            assert not (advice.place == "out" and advice.target)
            seen.add((advice.step.key, advice.place))
            shown.update(map(id, (*advice.why, advice.cost)))
    assert seen == {(step.key, place) for step in tree().steps for place in PLACES if getattr(step, place)}
    assert not [(step.key, line.en) for step in tree().steps for line in (*step.why, *step.cost) if id(line) not in shown]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_source_is_a_section_of_the_shipped_corpus(language: Language) -> None:
    for step in tree().steps:
        for name in step.sources:
            found = source(name, language)
            assert found.title and found.passage and found.path.startswith(f"{language}/")
            assert "](" not in found.passage


def test_eight_questions_with_few_answers_and_a_default_each() -> None:
    assert len(tree().questions) <= 8
    assert all(2 <= len(question.options) <= 5 for question in tree().questions)


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_unsaid_in_a_language(language: Language) -> None:
    for question in tree().questions:
        assert question.said(language)[0]
        assert all(words for words, _ in question.choices(language))
    for step in tree().steps:
        lines = [step.said(language).title, step.said(language).what, *(line.said(language) for line in (*step.why, *step.cost))]
        assert all(lines)
        if language == "ru":
            assert not [line for line in lines if sum("а" <= letter.casefold() <= "я" for letter in line) < len(line) / 4]
        else:
            assert not [line for line in lines if any("а" <= letter.casefold() <= "я" for letter in line)]


def test_methods_and_recipes_that_are_filled_in_exist() -> None:
    for step in tree().steps:
        for target in step.page:
            assert not target.method or target.method in METHODS.names()
            assert target.recipe in ("", "context", "closed-book", "text")


def test_a_rule_about_an_answer_that_there_is_not_is_refused() -> None:
    broken = tree().model_dump(by_alias=True)
    broken["steps"][0]["do"] = [{"goal": ["poetry"]}]
    with pytest.raises(ValidationError, match="poetry"):
        Tree.model_validate(broken)


def test_a_condition_wants_all_of_its_questions_and_any_of_its_alternatives() -> None:
    answers = {"a": "1", "b": "2"}
    assert fits(({},), answers)
    assert fits(({"a": ("1", "3"), "b": ("2",)},), answers)
    assert not fits(({"a": ("1",), "b": ("3",)},), answers)
    assert fits(({"a": ("9",)}, {"b": ("2",)}), answers)
    assert not fits((), answers)


def places(**answers: str) -> dict[str, str]:
    return {advice.step.key: advice.place for advice in plan({**tree().defaults(), **answers})}


def test_the_plans_of_the_atlas_own_table() -> None:
    """corpora/atlas/en/decision-tree.md, "From answers to candidates"."""
    facts = places(goal="facts", documents="many", change="often", trust="sources")
    assert (facts["rag"], facts["cite"], facts["memorise"]) == ("do", "do", "out")
    small = places(goal="facts", documents="few", change="never", trust="nothing")
    assert (small["window"], small["rag"]) == ("do", "later")
    form = places(goal="form", documents="none", trust="nothing", examples="hundreds", machine="gpu24")
    assert (form["prompt"], form["lora"], form["rag"]) == ("do", "do", "out")
    assert places(goal="form", examples="hundreds", machine="gpu16")["qlora"] == "do"
    both = places(goal="facts", documents="many", change="often", examples="hundreds")
    assert (both["rag"], both["hybrid"]) == ("do", "later")
    assert places(preferences="yes")["dpo"] == "later"
    assert places(goal="language", documents="masses", machine="cluster")["pretrain"] == "do"
    assert places(goal="facts", machine="cpu")["full"] == "out"
