"""A run, looked up by case and arm, with the words and numbers of the report's language."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from functools import cached_property

from eval.corners import ADAPTED, DIAGNOSTIC, RETRIEVING, Corner
from eval.report.numbers import COUNTS, Numbers, is_seconds
from eval.report.words import Words
from eval.scoring import METRICS
from eval.statistics.estimates import AURC
from eval.types import Case, Estimate, Failure, Lost, Reply, Retrieval, Run, Scores

Key = tuple[str, str]
"""(case id, arm)"""


class View:
    """What every section of the report reads. Raises UserError for a language without words."""

    def __init__(self, run: Run, language: str) -> None:
        self.run = run
        self.words, self.numbers = Words(language), Numbers(language)
        self.cases: Mapping[str, Case] = {case.id: case for case in run.cases}
        self.replies: Mapping[Key, Reply] = {(each.case, each.arm): each for each in run.replies}
        self.failures: Mapping[Key, Failure] = {(each.case, each.arm): each for each in run.failures}
        self.scores: Mapping[Key, Scores] = {(each.case, each.arm): each for each in run.scores}
        self.lost: Mapping[Key, Lost] = {(each.case, each.arm): each for each in run.lost}
        self.retrievals: Mapping[str, Retrieval] = {each.case: each for each in run.retrievals}
        self.failed = Counter(each.arm for each in run.failures)
        self.answered = Counter(each.arm for each in run.replies)

    @cached_property
    def arms(self) -> tuple[str, ...]:
        """In the order of the manifest, then as they come up."""
        seen = [*self.run.estimates, *(reply.arm for reply in self.run.replies), *(failure.arm for failure in self.run.failures)]
        ran = set(seen)
        declared = [str(arm) for arm in _listed(self.run.manifest.get("arms")) if str(arm) in ran]
        return tuple(dict.fromkeys([*declared, *seen]))

    @cached_property
    def metric(self) -> str:
        """The main metric: the manifest's, else that of the first contrast, else the first there is."""
        named = self.run.manifest.get("metric")
        if isinstance(named, str) and named:
            return named
        if self.run.contrasts:
            return self.run.contrasts[0].metric
        return next((metric for found in self.run.estimates.values() for metric in found), "")

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """All of them, the main one first."""
        found = dict.fromkeys(metric for arm in self.arms for metric in self.run.estimates.get(arm, {}))
        return tuple(sorted(found, key=lambda metric: metric != self.metric))

    def called(self, metric: str) -> str:
        """A metric's name in the report's language; those that are terms of their own (hit@3) keep theirs."""
        return self.words.get(f"name_{slug(metric)}", metric)

    def unit(self, metric: str) -> str:
        """Its name with the unit, for an axis."""
        return self.called(metric) if is_seconds(metric) or metric.endswith(COUNTS) else f"{self.called(metric)}, %"

    def estimate(self, arm: str, metric: str) -> Estimate | None:
        """None: the metric does not apply to the arm, which is not the same as zero."""
        return self.run.estimates.get(arm, {}).get(metric)

    def score(self, case: str, arm: str, metric: str) -> float | None:
        """None: the metric does not apply, or there was no reply."""
        scores = self.scores.get((case, arm))
        return None if scores is None else scores.values.get(metric)

    def number(self, arm: str) -> int:
        """Place of an arm among all: fixes its colour, dash and mark in every figure."""
        return self.arms.index(arm)

    def cause(self, cause: str) -> str:
        """A cause in the report's language."""
        return self.words.get(f"cause_{slug(cause)}", cause)

    def contrast(self, name: str) -> str:
        """Its name, as the report's language has it: arms keep theirs, "interaction" is a word."""
        word, colon, adapter = name.partition(":")
        return self.words.get(f"contrast_{slug(word)}", word) + colon + adapter

    def dimension(self, name: str) -> str:
        return self.words.get(f"dimension_{slug(name)}", name)


def slug(name: str) -> str:
    """A name as a key of words.toml."""
    return re.sub(r"\W+", "_", name.lower()).strip("_")


def place(arm: str) -> tuple[bool, bool, str] | None:
    """(has an adapter, retrieves, which adapter) of an arm of the two axes; None for a diagnostic, an outside system, or a repeat."""
    corner = Corner.of(arm)
    if corner.outside or corner.copy > 1 or corner.kind in DIAGNOSTIC:
        return None
    return corner.kind in ADAPTED, corner.kind in RETRIEVING, corner.adapter


def lower_better(metric: str) -> bool:
    return metric == AURC or (metric in METRICS and METRICS[metric].better == "lower")


def _listed(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else []
