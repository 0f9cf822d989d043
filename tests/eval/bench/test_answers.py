"""The answers benchmark on the scripted generator."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from eval.bench.answers import bench_answers, run_arm
from eval.bench.sets import open_set
from rag.assistant import Assistant
from rag.errors import UserError
from rag.generate.scripted import ScriptedGenerator
from rag.settings import Settings


def test_each_arm_is_scored_by_kind_and_language(folder: Path, settings: Settings) -> None:
    report = bench_answers(open_set(folder), settings, arms=("rag", "zero-shot"), unanswerable=1)
    rag, bare = report.arms
    assert (rag.arm, rag.questions, rag.failures) == ("rag", 5, ())
    assert {"F1", "exact match", "answers that cite", "citations of a gold file", "refused, answerable", "refused, unanswerable"} <= set(
        rag.metrics
    )
    assert "answers that cite" not in bare.metrics
    assert all(0 <= interval.low <= interval.mean <= interval.high <= 1 for interval in rag.metrics.values())
    assert rag.metrics["F1"].mean > bare.metrics["F1"].mean
    assert {group.name for group in rag.groups} == {"language en", "kind fact", "kind -"}
    assert rag.metrics["in the question's language"].mean == 1


def test_failures_are_counted_and_never_averaged_as_zero(folder: Path, settings: Settings) -> None:
    pairs = open_set(folder).answerable()

    class Flaky(ScriptedGenerator):
        def stream(self, messages, decoding, *, adapter=None):  # type: ignore[no-untyped-def]
            self.fail_after = 0 if "Adam" in messages[-1].content else None
            return super().stream(messages, decoding, adapter=adapter)

    whole = asyncio.run(run_arm(Assistant(settings, ScriptedGenerator()), pairs, "zero-shot"))
    flaky = asyncio.run(run_arm(Assistant(settings, Flaky()), pairs, "zero-shot"))
    assert len(whole.failures) == 0
    assert len(flaky.failures) == 1
    assert "scripted generator failed" in flaky.failures[0]
    kept = [asked for asked in flaky.asked if asked.answer is not None]
    assert sum(group.questions for group in flaky.groups if group.name.startswith("language")) == len(kept) == 3


def test_when_every_question_fails_the_first_failure_is_raised(folder: Path, settings: Settings) -> None:
    with pytest.raises(UserError, match="scripted generator failed"):
        asyncio.run(run_arm(Assistant(settings, ScriptedGenerator(fail_after=0)), open_set(folder).answerable(), "zero-shot"))
