"""What the adapters' page has words for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ui.chat.text import TEXTS, Language
from ui.messages.translation import translated


@dataclass(frozen=True, slots=True)
class Words:
    """`{}` fields are filled with `str.format`. `methods`: one line on each."""

    code: Language
    title: str
    lead: str
    shelf: str
    none: str
    choose: str
    states: Mapping[str, str]
    ships: str
    unreadable: str
    load: str
    unload: str
    merge: str
    export: str
    delete: str
    delete_sure: str
    delete_yes: str
    keep: str
    exported: str
    to_compare: str
    answers_now: str
    actions: str
    card: str
    about_base: str
    model: str
    revision: str
    weights: str
    size: str
    megabytes: str
    made: str
    seconds: str
    style: str
    how: str
    method: str
    parameters: str
    value: str
    options: str
    training: str
    no_options: str
    data: str
    recipe: str
    examples: str
    held_back: str
    split: str
    splits: Mapping[str, str]
    data_hash: str
    curve: str
    no_curve: str
    loss: str
    held_loss: str
    step: str
    told_loss: str
    told_held: str
    told_score: str
    evaluation: str
    no_evaluation: str
    measures: Mapping[str, str]
    bias: str
    served: str
    routes: str
    ways: Mapping[str, str]
    can_here: str
    cannot_here: str
    again: str
    seed: str
    template: str
    versions: str
    command: str
    compare_with: str
    compare_none: str
    compared: str
    property: str
    verdict: str
    differs: str
    same: str
    differences: str
    equal_rows: str
    train: str
    train_lead: str
    name: str
    name_help: str
    pairs: str
    upload: str
    uploaded: str
    recipes: Mapping[str, str]
    methods: Mapping[str, str]
    max_examples: str
    epochs: str
    passages: str
    at_most: str
    further: str
    further_help: str
    load_after: str
    estimate: str
    start: str
    job_estimate: str
    job_train: str
    job_load: str
    job_unload: str
    job_merge: str
    job_export: str
    job_delete: str
    stop: str
    stopping: str
    unfinished: str
    unfinished_line: str
    resume: str
    estimate_title: str
    minutes: str
    gigabytes: str
    tokens: str
    steps: str
    speed: str
    estimate_done: str
    estimate_cut: str
    choose_pairs: str
    choose_recipe: str
    not_option: str
    no_number: str

    def number(self, value: float, digits: int = 1) -> str:
        return TEXTS[self.code].number(value, digits)

    def count(self, value: int) -> str:
        """With thin spaces between thousands."""
        return f"{value:,}".replace(",", "\u202f")

    def reason(self, why: str) -> str:
        """What the library says of an adapter, in this language."""
        return translated(why, self.code)
