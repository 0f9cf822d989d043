"""The decision tree: questions, answers, and the rules that make a plan of them. The words and rules are data, in tree.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ui.chat.text import Language

Place = Literal["do", "later", "out"]
"""do = recommended now; later = when the measurement says so; out = not for you, and why."""
PLACES: tuple[Place, ...] = ("do", "later", "out")
Answers = Mapping[str, str]
When = tuple[dict[str, tuple[str, ...]], ...]
"""Alternatives; in each, question -> the answers that fit."""
ALWAYS: When = ({},)


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Option(Part):
    key: str
    en: str
    ru: str

    def said(self, language: Language) -> str:
        return self.ru if language == "ru" else self.en


class Question(Part):
    """`en`, `ru`: the question, and what explains it ("" for nothing)."""

    key: str
    default: str
    en: tuple[str, str]
    ru: tuple[str, str]
    options: tuple[Option, ...]

    def said(self, language: Language) -> tuple[str, str]:
        return self.ru if language == "ru" else self.en

    def choices(self, language: Language) -> list[tuple[str, str]]:
        """As Gradio wants them: words, key."""
        return [(option.said(language), option.key) for option in self.options]


class Words(Part):
    title: str
    what: str


class Line(Part):
    """A reason or a cost: shown when the answers fit, and (`for`) only where the step has one of these places."""

    when: When = ALWAYS
    places: tuple[Place, ...] = Field(PLACES, alias="for")
    en: str
    ru: str

    def said(self, language: Language) -> str:
        return self.ru if language == "ru" else self.en


class Target(Part):
    """The page on which the step is done, and what to fill in there."""

    when: When = ALWAYS
    to: Literal["compare", "corpus", "adapters", "evaluate"]
    method: str = ""
    recipe: str = ""


class Step(Part):
    key: str
    do: When = ()
    later: When = ()
    out: When = ()
    page: tuple[Target, ...] = ()
    outside: bool = False
    measured: tuple[tuple[str, str], ...] = ()
    sources: tuple[str, ...] = Field(min_length=1)
    en: Words
    ru: Words
    why: tuple[Line, ...] = ()
    cost: tuple[Line, ...] = ()

    def said(self, language: Language) -> Words:
        return self.ru if language == "ru" else self.en

    def place(self, answers: Answers) -> Place | None:
        if fits(self.do, answers):
            return "do"
        if fits(self.later, answers):
            return "later"
        return "out" if fits(self.out, answers) else None


@dataclass(frozen=True, slots=True)
class Advice:
    """A step with its place in the plan, and the lines that hold for these answers."""

    step: Step
    place: Place
    why: tuple[Line, ...]
    cost: Line | None
    target: Target | None


class Tree(Part):
    questions: tuple[Question, ...]
    steps: tuple[Step, ...]

    @model_validator(mode="after")
    def _known(self) -> Tree:
        """A rule that asks for an answer that there is not would be silent for ever."""
        known = {question.key: {option.key for option in question.options} for question in self.questions}
        wrong = [
            f"{question.key}: default {question.default}" for question in self.questions if question.default not in known[question.key]
        ]
        for step in self.steps:
            lines = (line.when for line in (*step.why, *step.cost))
            conditions = [step.do, step.later, step.out, *lines, *(target.when for target in step.page)]
            for table in (table for when in conditions for table in when):
                wrong += [
                    f"{step.key}: {key} = {answer}" for key, fit in table.items() for answer in fit if answer not in known.get(key, ())
                ]
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    def defaults(self) -> dict[str, str]:
        return {question.key: question.default for question in self.questions}


@cache
def tree() -> Tree:
    """The one that ships."""
    return Tree.model_validate(tomllib.loads(Path(__file__).with_name("tree.toml").read_text(encoding="utf-8")))


def fits(when: When, answers: Answers) -> bool:
    return any(all(answers.get(question) in fit for question, fit in table.items()) for table in when)


def plan(answers: Answers, of: Tree | None = None) -> list[Advice]:
    """What is recommended, ranked: first what to do, then what may come later, then what to leave out."""
    placed: list[tuple[Step, Place]] = [(step, place) for step in (of or tree()).steps if (place := step.place(answers))]
    placed.sort(key=lambda pair: PLACES.index(pair[1]))  # stable: within a place the tree's own order
    return [_advice(step, place, answers) for step, place in placed]


def _advice(step: Step, place: Place, answers: Answers) -> Advice:
    cost = next(iter(_fitting(step.cost, place, answers)), None)
    target = next((target for target in step.page if fits(target.when, answers)), None) if place != "out" else None
    return Advice(step, place, tuple(_fitting(step.why, place, answers)), cost, target)


def _fitting(lines: Sequence[Line], place: Place, answers: Answers) -> list[Line]:
    return [line for line in lines if place in line.places and fits(line.when, answers)]
