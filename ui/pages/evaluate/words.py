"""What the page of evaluations has words for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ui.chat.text import TEXTS, Language


@dataclass(frozen=True, slots=True)
class Words:
    """`{}` fields are filled with `str.format`. `arms`: one line on each arm; `questions`: forms of the noun after a number."""

    code: Language
    title: str
    lead: str
    pairs: str
    upload: str
    uploaded: str
    arms_label: str
    arms: Mapping[str, str]
    adapters: str
    no_adapters: str
    limit: str
    limit_help: str
    more: str
    name: str
    name_help: str
    style: str
    styles: Mapping[str, str]
    seed: str
    start: str
    stop: str
    job: str
    job_resume: str
    choose_pairs: str
    choose_arms: str
    no_number: str
    not_loaded: str
    running: str
    provisional: str
    arm: str
    answered: str
    f1: str
    refused: str
    refused_rightly: str
    failed: str
    p50: str
    seconds: str
    runs: str
    no_runs: str
    unfinished: str
    answers: str
    questions: tuple[str, str, str]
    resume: str
    gone_on: str
    facts_made: str
    facts_name: str
    facts_model: str
    facts_files: str
    facts_questions: str
    facts_took: str
    minutes: str
    short: str
    table: str
    columns: Mapping[str, str]
    not_measured: str
    report_here: str
    report_tab: str
    report_json: str
    report_csv: str
    report_title: str
    compare_with: str
    compare_none: str
    compared: str
    compared_caption: str
    effect: str
    interval: str
    p_value: str
    verdict: str
    better: str
    worse: str
    equal: str
    unsure: str
    nothing_shared: str
    left_changed: str
    left_now: str
    left_earlier: str
    left_arms: str
    lost: str
    lost_lead: str
    cause: str
    language: str
    all: str
    no_answer: str
    none_lost: str
    more_lost: str
    lost_line: str
    accepted: str
    unanswerable: str
    said: str
    right: str
    told_by: str
    abstained: str
    empty: str
    passages: str
    gold: str
    asked_before: str
    to_compare: str

    def number(self, value: float, digits: int = 1) -> str:
        return TEXTS[self.code].number(value, digits)

    def count(self, n: int) -> str:
        """A number of questions with its noun (Unicode CLDR plural rules)."""
        if self.code == "en":
            return f"{n} {self.questions[0] if n == 1 else self.questions[1]}"
        few = 2 <= n % 10 <= 4 and not 12 <= n % 100 <= 14
        one = n % 10 == 1 and n % 100 != 11
        return f"{n} {self.questions[0 if one else 1 if few else 2]}"
