"""Runs as the page shows them: scores while they run, the list, comparisons, lost questions, and the address of the report."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from urllib.parse import quote

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from eval import journal, runs
from eval.compared import compared
from eval.types import Failure
from rag.errors import SettingsError
from rag.settings import Settings
from tests.ui.pages.adapters.made import harmless
from ui.chat.text import Language
from ui.pages.evaluate import comparing, earlier, failures, form, running, showing
from ui.pages.evaluate.failures import NO_ANSWER, Filter
from ui.pages.evaluate.form import Form
from ui.pages.evaluate.route import report_route
from ui.pages.evaluate.text import WORDS

EN = WORDS["en"]


def folders(settings: Settings) -> list[Path]:
    return runs.everything(settings)


@pytest.fixture
def half(evaluated: Settings, tmp_path: Path) -> Path:
    """The first run as it was under way: half of its journal, the last line torn."""
    folder = tmp_path / "half"
    shutil.copytree(folders(evaluated)[0], folder, ignore=shutil.ignore_patterns("run.json", "report", "scores.jsonl", "lock"))
    lines = (folder / runs.REPLIES).read_bytes().split(b"\n")
    (folder / runs.REPLIES).write_bytes(b"\n".join(lines[: len(lines) // 2]) + b"\n" + lines[-2][:30])
    return folder


def test_running_scores_end_as_those_of_the_run(evaluated: Settings) -> None:
    for folder in folders(evaluated):
        run = runs.load(folder)
        found = {each.arm: each for each in running.Growing.of(folder).look()}
        assert list(found) == run.manifest["arms"]
        for arm, standing in found.items():
            f1 = run.estimates[arm]["f1"]
            assert standing.f1 == pytest.approx(f1.mean) and standing.answered == sum(reply.arm == arm for reply in run.replies)
            assert standing.refused == sum(reply.refused for reply in run.replies if reply.arm == arm)


def test_running_scores_grow_with_the_journal_and_leave_a_torn_line(half: Path, evaluated: Settings) -> None:
    growing = running.Growing.of(half)
    before = sum(each.answered for each in growing.look())
    whole = len(journal.answered(journal.read(folders(evaluated)[0] / runs.REPLIES))[0])
    assert 0 < before < whole
    (half / runs.REPLIES).write_bytes((folders(evaluated)[0] / runs.REPLIES).read_bytes())
    assert sum(each.answered for each in growing.look()) == whole


def test_a_failure_is_counted_and_never_averaged_as_zero(half: Path) -> None:
    growing = running.Growing.of(half)
    before = {each.arm: each for each in growing.look()}
    fresh = next(case for case in growing.pairs if (case, "rag") not in growing._replies)
    content = (half / runs.REPLIES).read_bytes()
    sound = content[: content.rfind(b"\n") + 1]
    (half / runs.REPLIES).write_bytes(sound + journal.encode(Failure(fresh, "rag", "The server <b>died</b>.")))
    after = {each.arm: each for each in growing.look()}
    assert after["rag"].failed == 1 and after["rag"].f1 == before["rag"].f1 and after["rag"].answered == before["rag"].answered
    shown = harmless(running.standings(list(after.values()), EN)).text
    assert EN.provisional in shown


def test_a_run_whose_questions_are_gone_is_counted_but_not_scored(half: Path) -> None:
    held = runs.read_manifest(half)
    runs.write_manifest(half, {**held, "request": {**held["request"], "qa": ["/nowhere.jsonl"]}})
    assert all(each.f1 is None and each.answered for each in running.Growing.of(half).look())


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_list_has_the_newest_first_with_its_verdict(evaluated: Settings, language: Language) -> None:
    words = WORDS[language]
    rows = earlier.rows(evaluated, language)
    assert [row.title for row in rows] == ["second", "first"] and all(row.finished and row.headline for row in rows)
    label, value = earlier.choices(rows, words)[0]
    assert value == folders(evaluated)[-1].name and words.count(7) in label and "icl, rag" in label and rows[0].headline[:40] in label
    view = earlier.view(folders(evaluated)[0], language)
    text = harmless(showing.chosen(view, words)).text
    assert rows[1].headline in text and words.report_here in text and all(arm in text for arm in ("icl", "rag", "oracle", "shuffled"))


def test_an_unfinished_run_says_so_and_how_far_it_is(evaluated: Settings, half: Path, tmp_path: Path) -> None:
    settings = evaluated.model_copy(update={"home": tmp_path / "home"})
    shutil.copytree(half, settings.home / "runs" / half.name)
    (row,) = earlier.rows(settings, "en")
    assert not row.finished and row.answers > 0
    assert EN.unfinished in earlier.choices([row], EN)[0][0] and earlier.names([row]) == []
    assert str(row.answers) in harmless(showing.unfinished(row, EN)).text


def test_a_comparison_says_what_the_command_says(evaluated: Settings) -> None:
    first, second = folders(evaluated)
    view, other = earlier.view(second, "en"), earlier.open_run(first)
    text = harmless(comparing.comparison(view, other, EN)).text
    _, found = compared(view.run, other)
    assert [each.arm for each in found.contrasts] == ["icl", "rag"]
    for each in found.contrasts:
        assert view.numbers.interval(each.metric, each.effect, sign=True) in text
    assert EN.left_earlier.format(n=len(found.only_earlier)) in text and EN.left_arms.format(names="oracle, shuffled") in text


def test_lost_questions_are_filtered_by_cause_arm_and_language(evaluated: Settings) -> None:
    view = earlier.view(folders(evaluated)[0], "en")
    every = failures.lost(view, Filter())
    assert every and not {arm for each in every for arm, _ in each.by} & {"oracle", "shuffled"}
    causes, arms, languages = failures.filters(view, EN)
    for _, cause in causes[1:]:
        assert all(found == cause for each in failures.lost(view, Filter(cause=cause)) for _, found in each.by)
    assert ("shuffled", "shuffled") in arms and all(
        arm == "shuffled" for each in failures.lost(view, Filter(arm="shuffled")) for arm, _ in each.by
    )
    assert {value for _, value in languages} == {"", "en", "ru"}
    assert {each.case.pair.language for each in failures.lost(view, Filter(language="ru"))} <= {"ru"}
    assert len(every) >= len(failures.lost(view, Filter(arm="icl")))


def test_a_lost_question_shows_what_everybody_said_and_nothing_of_it_acts(evaluated: Settings) -> None:
    view = earlier.view(folders(evaluated)[0], "en")
    for case in view.run.cases:
        html = failures.detail(view, case.id, EN)
        seen = harmless(html)
        assert seen.names.isdisjoint({"a", "iframe", "svg"}) and not set(seen.text) & set("\x1b\u202e\u2066")
        assert all(arm in seen.text for arm in view.arms if (case.id, arm) in view.replies)
    for label, _ in failures.choices(failures.lost(view, Filter()), view, EN):
        assert not set(label) & set("\x1b\u202e\u2066")
    assert failures.detail(view, "nosuch", EN) == ""
    assert failures.cause_words(view, NO_ANSWER, EN) == EN.no_answer


def test_a_form_becomes_the_command_a_person_would_type(evaluated: Settings) -> None:
    file = evaluated.qa[0]
    said = form.command(Form([file], ["icl", "rag+lora"], ["mine"], 10, " my run ", "short", 3), EN, allowed=[file], loaded=["mine"])
    words = ["eval", "--qa", file, "--arms", "icl,rag+lora", "--adapter", "mine", "--limit", "10", "--seed", "3", "--style", "short"]
    assert list(said) == [*words, "--lang", "en", "--name", "my run"]
    with pytest.raises(SettingsError) as raised:
        form.command(Form(["/etc/passwd"], [], [], -1, seed=0.5), EN, allowed=[file], loaded=[])
    assert [EN.choose_pairs, EN.choose_arms] == raised.value.problems[:2] and len(raised.value.problems) == 4
    with pytest.raises(SettingsError, match="needs an adapter"):
        form.command(Form([file], ["lora"], ["mine"], 1), EN, allowed=[file], loaded=[])


@pytest.fixture
def client(evaluated: Settings) -> TestClient:
    path, endpoint = report_route(evaluated)
    return TestClient(Starlette(routes=[Route(path, endpoint)]))


def test_the_report_is_sent_with_a_policy_that_lets_it_do_nothing(client: TestClient, evaluated: Settings) -> None:
    name = folders(evaluated)[0].name
    shown = client.get(f"/atlas/report/{name}")
    assert shown.status_code == 200 and shown.headers["content-type"].startswith("text/html") and '<html lang="en">' in shown.text
    policy = shown.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'self'" in policy and "script-src" not in policy
    assert shown.headers["x-content-type-options"] == "nosniff"


def test_the_report_is_made_in_the_language_that_is_asked_for(client: TestClient, evaluated: Settings) -> None:
    folder = folders(evaluated)[1]
    shown = client.get(f"/atlas/report/{folder.name}?lang=ru")
    assert '<html lang="ru">' in shown.text and (folder / "report" / "ru" / "report.html").is_file()
    assert '<html lang="en">' in client.get(f"/atlas/report/{folder.name}?lang=en").text
    shutil.rmtree(folder / "report")
    assert '<html lang="ru">' in client.get(f"/atlas/report/{folder.name}?lang=ru").text
    assert '<html lang="ru">' in client.get(f"/atlas/report/{folder.name}").text


def test_the_numbers_are_downloads(client: TestClient, evaluated: Settings) -> None:
    name = folders(evaluated)[0].name
    whole = client.get(f"/atlas/report/{name}?file=json")
    assert json.loads(whole.text)["run"]["name"] == name and "attachment" in whole.headers["content-disposition"]
    assert client.get(f"/atlas/report/{name}?file=csv").text.startswith("\ufeffcase,arm")


@pytest.mark.parametrize("run", ["nosuch", "..", "../../etc/passwd", "%2e%2e%2f%2e%2e", "first", "last", "20", "\x00", "<script>"])
def test_only_a_run_of_the_list_is_ever_sent(client: TestClient, run: str) -> None:
    for address in (run, quote(run, safe="")):
        if "\x00" not in address:
            assert client.get(f"/atlas/report/{address}").status_code == 404


def test_only_the_files_of_a_report_are_sent(client: TestClient, evaluated: Settings) -> None:
    name = folders(evaluated)[0].name
    for file in ("manifest.json", "../run.json", "html"):
        assert client.get(f"/atlas/report/{name}", params={"file": file}).status_code == 404
    half = folders(evaluated)[0].parent / "20000101-000000-unfinished"
    half.mkdir()
    runs.write_manifest(half, {"request": {}})
    try:
        assert client.get(f"/atlas/report/{half.name}").status_code == 409
    finally:
        shutil.rmtree(half)
