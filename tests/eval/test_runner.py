"""A whole evaluation on the scripted generator: resumable, repeatable, failures apart."""

from __future__ import annotations

import asyncio
import json
import signal
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from eval import journal, runs
from eval.arms import atlas
from eval.evaluate import Watch, evaluate
from eval.journal import Journal
from eval.request import Request
from eval.runner import HOPELESS, Ask, plan, retrieval_of, run
from eval.types import Case, Failure, Reply, Retrieval, Run
from rag.errors import IndexError_, InputError, ServerError, TooSlow, UserError
from rag.qa import Pair
from rag.settings import Settings
from rag.types import Answer, Context
from tests.eval.conftest import ADAPTER, ROWS, load_adapter

CORNERS = ("icl", "rag", "lora", "rag+lora", "oracle", "shuffled")


def said(run: Run) -> dict[tuple[str, str], str]:
    return {(reply.case, reply.arm): reply.text for reply in run.replies}


@pytest.mark.slow
def test_every_question_is_put_to_every_arm_with_one_frozen_context(indexed: Settings, qa: Path) -> None:
    load_adapter(indexed)
    whole, folder = evaluate(Request((qa,), CORNERS, (ADAPTER,)), indexed)
    assert [case.id for case in whole.cases] == [row["id"] for row in ROWS]
    asked = Counter(reply.arm for reply in whole.replies)
    assert asked == {"icl": 7, "rag": 7, "lora": 7, "rag+lora": 7, "oracle": 6, "shuffled": 7}
    by = {(reply.case, reply.arm): reply for reply in whole.replies}
    assert all(by[case.id, "rag"].passages == by[case.id, "rag+lora"].passages for case in whole.cases)
    assert all(not by[case.id, arm].passages for case in whole.cases for arm in ("icl", "lora"))
    assert by["rank", "rag+lora"].text.startswith(f"({ADAPTER})")
    assert by["rank", "rag+lora"].identity["adapter_sha256"].startswith(ADAPTER)
    assert by["rank", "rag"].identity["adapter"] == ""
    assert {path.name for path in folder.iterdir()} >= {runs.MANIFEST, runs.CONTEXTS, runs.REPLIES, runs.RUN, runs.SCORES}
    assert runs.load(folder) == whole


@pytest.mark.slow
def test_the_same_arm_twice_says_the_same(indexed: Settings, qa: Path) -> None:
    whole, _ = evaluate(Request((qa,), ("rag", "rag")), indexed)
    texts = said(whole)
    assert {arm for _, arm in texts} == {"rag", "rag#2"}
    assert all(texts[case.id, "rag"] == texts[case.id, "rag#2"] for case in whole.cases)


@pytest.mark.slow
def test_a_finished_run_is_repeated_as_a_run_of_its_own_with_the_same_fingerprint(indexed: Settings, qa: Path) -> None:
    first, folder = evaluate(Request((qa,), ("icl", "rag")), indexed)
    second, other = evaluate(Request((qa,), ("icl", "rag"), in_flight=1), indexed)
    assert folder != other
    assert folder.name.rpartition("-")[2] == other.name.rpartition("-")[2]
    assert said(first) == said(second)


def test_an_adapter_that_is_secretly_not_loaded_is_refused_before_anything_is_asked(
    indexed: Settings, qa: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_adapter(indexed)
    seen: list[str] = []

    def same_as_the_base(name: str) -> None:
        seen.append(name)
        raise UserError(f"The adapter '{name}' answers like the base model.", "Load it again.")

    async def never(*arguments: object, **named: object) -> Answer:
        raise AssertionError("a question was asked")

    monkeypatch.setattr(atlas.Asker, "__call__", never)
    with pytest.raises(UserError, match="answers like the base"):
        evaluate(Request((qa,), ("rag", "rag+lora"), (ADAPTER,)), indexed, watch=Watch(check_identity=same_as_the_base))
    assert seen == [ADAPTER]


@pytest.mark.parametrize(
    ("arms", "adapters", "expected"),
    [(("magic", "rag"), (), "no arm 'magic'"), (("lora",), (), "needs an adapter"), (("lora",), ("absent",), "'absent' is not loaded")],
)
def test_what_cannot_be_asked_is_said_at_once(
    indexed: Settings, qa: Path, arms: Sequence[str], adapters: Sequence[str], expected: str
) -> None:
    with pytest.raises(UserError, match=expected):
        evaluate(Request((qa,), tuple(arms), tuple(adapters)), indexed)
    assert not runs.everything(indexed)


def test_without_an_index_it_says_how_to_build_one(settings: Settings, qa: Path) -> None:
    with pytest.raises(IndexError_, match="atlas index build"):
        evaluate(Request((qa,)), settings)


def test_without_a_model_server_nothing_is_asked(indexed: Settings, qa: Path) -> None:
    away = indexed.generate.model_copy(update={"backend": "openai", "base_url": "http://127.0.0.1:9/v1"})
    with pytest.raises(ServerError, match="no model server at"):
        evaluate(Request((qa,)), indexed.model_copy(update={"generate": away}))


def test_questions_of_another_corpus_are_refused(indexed: Settings, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.jsonl"
    foreign.write_text('{"question": "Who?", "answers": ["I"], "docs": ["other.md"]}\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"None of the 1 gold documents.*other\.md"):
        evaluate(Request((foreign,)), indexed)


class Flaky:
    """An arm that fails for the cases it is told to; counts what it is asked."""

    name = "flaky"

    def __init__(self, broken: set[str]) -> None:
        self.broken = broken
        self.asked: list[str] = []

    def applies(self, case: Case) -> bool:
        return True

    def order(self, case: Case) -> tuple[str, ...]:
        return ()

    async def __call__(self, case: Case, retrieval: Retrieval) -> Reply:
        self.asked.append(case.id)
        await asyncio.sleep(0)
        if case.id in self.broken:
            raise ServerError("It broke.")
        return Reply(case.id, self.name, "yes")


def asks(arm: Flaky, count: int) -> list[Ask]:
    return [Ask(case, arm, Retrieval(case.id, "", (), ())) for case in (Case(Pair(str(n), f"{n}?", ("yes",))) for n in range(count))]  # type: ignore[arg-type]


class Slow(Flaky):
    """An arm whose server answers `at_once` questions in time, and no more; the `hopeless` never."""

    def __init__(self, at_once: int, hopeless: set[str]) -> None:
        super().__init__(hopeless)
        self.at_once, self.now = at_once, 0

    async def __call__(self, case: Case, retrieval: Retrieval) -> Reply:
        self.now += 1
        try:
            crowded = self.now > self.at_once
            await asyncio.sleep(0.002)
            if crowded or case.id in self.broken:
                raise TooSlow("No new token.")
            return Reply(case.id, self.name, "yes")
        finally:
            self.asked.append(case.id)
            self.now -= 1


@pytest.mark.parametrize("at_once", [1, 3])
def test_a_server_that_is_too_slow_for_so_many_at_once_is_asked_less(tmp_path: Path, at_once: int) -> None:
    arm, file = Slow(at_once, {"3"}), tmp_path / "replies.jsonl"
    with Journal(file) as lines:
        asyncio.run(run(asks(arm, 40), lines, in_flight=8))
    replies, failures = journal.answered(journal.read(file))
    assert {case for case, _ in replies} == {str(n) for n in range(40)} - {"3"}
    assert [(case, failure.what) for (case, _), failure in failures.items()] == [("3", "No new token.")]
    assert len(arm.asked) <= 40 + 8  # who waits in vain leaves, so that it cannot go on for ever


def test_a_server_that_hangs_is_given_up(tmp_path: Path) -> None:
    arm = Slow(16, {str(n) for n in range(100)})
    with Journal(tmp_path / "replies.jsonl") as lines, pytest.raises(ServerError, match=r"20 questions in a row failed.*No new token"):
        asyncio.run(run(asks(arm, 100), lines, in_flight=16))


def test_a_failure_is_listed_apart_and_tried_again_on_resume(tmp_path: Path) -> None:
    arm, file = Flaky({"3"}), tmp_path / "replies.jsonl"
    with Journal(file) as lines:
        asyncio.run(run(asks(arm, 6), lines, in_flight=2))
    replies, failures = journal.answered(journal.read(file))
    assert len(replies) == 5 and [failure.what for failure in failures.values()] == ["It broke."]
    arm.broken.clear()
    with Journal(file) as lines:
        asyncio.run(run([ask for ask in asks(arm, 6) if (ask.case.id, "flaky") not in replies], lines, in_flight=2))
    replies, failures = journal.answered(journal.read(file))
    assert len(replies) == 6 and not failures and Counter(arm.asked)["3"] == 2 and set(Counter(arm.asked).values()) == {1, 2}


@pytest.mark.slow
def test_failures_are_never_averaged_as_zero(indexed: Settings, qa: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = atlas.Asker.__call__

    async def broken(self: atlas.Asker, case: Case, arm: str, *, context: Context | None = None) -> Answer:
        if case.id == "bytes":
            raise ServerError("It broke.")
        return await asked(self, case, arm, context=context)

    monkeypatch.setattr(atlas.Asker, "__call__", broken)
    whole, _ = evaluate(Request((qa,), ("icl", "rag")), indexed)
    assert {(failure.case, failure.arm) for failure in whole.failures} == {("bytes", "icl"), ("bytes", "rag")}
    assert not [scores for scores in whole.scores if scores.case == "bytes"]
    assert all(estimate.n < len(ROWS) for metrics in whole.estimates.values() for estimate in metrics.values())


def test_a_dead_server_ends_the_run_instead_of_failing_every_question(tmp_path: Path) -> None:
    arm = Flaky({str(number) for number in range(1000)})
    with Journal(tmp_path / "replies.jsonl") as lines, pytest.raises(ServerError, match=f"{HOPELESS} questions in a row failed.*It broke"):
        asyncio.run(run(asks(arm, 1000), lines, in_flight=4))
    assert len(arm.asked) < HOPELESS + 8


def test_prompts_that_begin_the_same_are_asked_next_to_each_other(indexed: Settings, qa: Path) -> None:
    order: list[tuple[str, str]] = []

    class Ordered(Flaky):
        def __init__(self, name: str, keys: dict[str, tuple[str, ...]]) -> None:
            super().__init__(set())
            self.name, self.keys = name, keys

        def order(self, case: Case) -> tuple[str, ...]:
            return self.keys[case.id]

    cases = [Case(Pair(name, f"{name}?", ("yes",))) for name in "abc"]
    one = Ordered("rag", {"a": ("", "p2"), "b": ("", "p1"), "c": ("", "p2")})
    other = Ordered("shuffled", {"a": ("", "p1"), "b": ("", "p2"), "c": ("", "p1")})
    retrievals = {case.id: Retrieval(case.id, "", (), ()) for case in cases}
    order = [(ask.case.id, ask.arm.name) for ask in plan(cases, (one, other), retrievals, {("b", "rag")})]  # type: ignore[arg-type]
    assert order == [("a", "shuffled"), ("c", "shuffled"), ("a", "rag"), ("b", "shuffled"), ("c", "rag")]


def test_a_run_is_written_by_one_process_at_a_time(tmp_path: Path) -> None:
    with runs.held(tmp_path), pytest.raises(InputError, match="Another process"), runs.held(tmp_path):
        pass
    with runs.held(tmp_path):
        pass


def stopped_after(count: int, indexed: Settings, request: Request, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ctrl-C when so many answers are there; returns the lines that were told."""
    told: list[str] = []

    def interrupt(stage: str, done: int, total: int) -> None:
        if stage == "answering" and done == count:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        evaluate(request, indexed, watch=Watch(progress=interrupt, tell=told.append))
    return told


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on_and_the_next_start_does(indexed: Settings, qa: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    request = Request((qa,), ("icl", "rag"), in_flight=2)
    told = stopped_after(5, indexed, request, monkeypatch)
    (folder,) = runs.everything(indexed)
    assert f"atlas eval --resume {folder.name}" in told[-1]
    before = journal.answered(journal.read(folder / runs.REPLIES))[0]
    assert 5 <= len(before) < 14
    lines: list[str] = []
    whole, again = evaluate(request, indexed, watch=Watch(tell=lines.append))
    assert again == folder and any(f"{len(before)} answers are there" in line for line in lines)
    entries = Counter((entry.case, entry.arm) for entry in journal.read(folder / runs.REPLIES) if isinstance(entry, Reply))
    assert set(entries.values()) == {1} and len(entries) == 14
    assert said(whole) == said(evaluate(request, indexed, fresh=True)[0])
    assert whole.manifest["sittings"] == 2


@pytest.mark.slow
def test_a_run_is_not_resumed_with_other_settings(indexed: Settings, qa: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    request = Request((qa,), ("icl", "rag"), in_flight=2)
    stopped_after(3, indexed, request, monkeypatch)
    (folder,) = runs.everything(indexed)
    other = indexed.model_copy(update={"generate": indexed.generate.model_copy(update={"max_tokens": 7})})
    with pytest.raises(InputError, match=r"decoding\.max_tokens \(200 -> 7\)"):
        evaluate(request, other, resume=folder)
    whole, folder_of_other = evaluate(request, other)
    assert folder_of_other != folder and whole.manifest["fingerprint"] != runs.read_manifest(folder)["fingerprint"]


def test_the_frozen_context_outlives_a_change_of_the_retrieval_between_two_sittings(
    indexed: Settings, qa: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = Request((qa,), ("rag",), in_flight=1)
    stopped_after(3, indexed, request, monkeypatch)
    (folder,) = runs.everything(indexed)
    content = (folder / runs.CONTEXTS).read_bytes()
    evaluate(request, indexed, resume=folder)
    assert (folder / runs.CONTEXTS).read_bytes() == content and content.count(b"\n") == len(ROWS)


def test_a_limit_is_spread_over_the_file(indexed: Settings, qa: Path) -> None:
    whole, _ = evaluate(Request((qa,), ("icl",), limit=3), indexed)
    assert len(whole.cases) == 3 and {case.pair.language for case in whole.cases} == {"en", "ru"}


@pytest.mark.slow
def test_the_manifest_says_what_is_needed_to_repeat_the_run(indexed: Settings, qa: Path) -> None:
    load_adapter(indexed)
    whole, folder = evaluate(Request((qa,), ("rag", "rag+lora"), name="mine"), indexed)
    held = runs.read_manifest(folder)
    assert json.loads(json.dumps(whole.manifest)) == held
    assert held["determines"]["adapters"] == {ADAPTER: f"{ADAPTER:0<64}"}
    assert held["index"]["version"] and held["determines"]["template"] and held["determines"]["decoding"]["temperature"] == 0.0
    assert held["qa"][str(qa)] and held["machine"]["cores"] and held["libraries"]["torch"]
    assert set(held["seconds"]) >= {"retrieving", "answering", "scoring"} and held["finished"]
    assert held["throughput"]["answers"] == 14 and held["throughput"]["per_second"] > 0
    assert held["command"][:4] == ["atlas", "eval", "--qa", str(qa)]
    assert runs.find(indexed, "mine") == runs.find(indexed, "last") == folder


def test_runs_of_one_second_are_listed_as_they_were_begun(settings: Settings) -> None:
    begun = [runs.create(settings, fingerprint) for fingerprint in ("bb", "aa", "cc", "aa", *("ab" * n for n in range(9, 1, -1)))]
    for folder in begun:
        runs.write_manifest(folder, {})
    assert runs.everything(settings) == begun and runs.find(settings, runs.LAST) == begun[-1]


def test_the_ranking_is_by_score_and_says_what_was_left_out(indexed: Settings, qa: Path) -> None:
    small = indexed.model_copy(update={"context": indexed.context.model_copy(update={"max_sources": 1})})
    whole, _ = evaluate(Request((qa,), ("rag",)), small)
    first = whole.retrievals[0]
    assert first.ranked[0] == "en/lora.md" and len(first.passages) == 1
    assert first.dropped and all("more than 1 passages" in why for _, why in first.dropped)
    assert len(first.ranked) >= 1 + len(first.dropped)


def test_a_case_that_only_failed_has_no_reply(tmp_path: Path) -> None:
    entries: list[journal.Entry] = [
        Failure("a", "rag", "x"),
        Reply("a", "rag", "yes"),
        Failure("a", "rag", "later"),
        Failure("b", "rag", "y"),
    ]
    replies, failures = journal.answered(entries)
    assert set(replies) == {("a", "rag")} and set(failures) == {("b", "rag")}
    assert replace(replies["a", "rag"], text="") == Reply("a", "rag", "")
    assert retrieval_of(Case(Pair("a", "a?")), Context("a?", "a?")).ranked == ()
