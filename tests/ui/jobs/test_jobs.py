"""Jobs: started, watched, queued, cancelled, and found again, with tiny scripts in place of the command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

import ui.jobs.jobs
from rag.configure import load
from rag.errors import UserError
from rag.settings import Settings
from ui.jobs import record
from ui.jobs.jobs import Job, Jobs

SCRIPT = """
import json, os, signal, sys, time
what = sys.argv[3:]
def tell(stage, done, total):
    with open(os.environ["ATLAS_PROGRESS_FILE"], "a") as file:
        file.write(json.dumps({"stage": stage, "done": done, "total": total, "at": time.time()}) + "\\n")
if what[0] == "say":
    print(what[1], flush=True)
    sys.exit(int(what[2]))
if what[0] == "arguments":
    print(json.dumps(sys.argv[1:]))
if what[0] == "environment":
    print(json.dumps({k: v for k, v in os.environ.items() if k.startswith(("ATLAS_", "PYTHONUNBUFFERED"))}))
if what[0] == "wait":
    if what[2:] == ["deaf"]:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    tell("waiting", 1, 3)
    print("waits", flush=True)
    try:
        while not os.path.exists(what[1]):
            time.sleep(0.02)
    except KeyboardInterrupt:
        print("saved", flush=True)
        sys.exit(130)
    print("went on", flush=True)
"""
Make = Callable[[], Jobs]


@pytest.fixture
def script(tmp_path: Path) -> list[str]:
    file = tmp_path / "script.py"
    file.write_text(SCRIPT)
    return [sys.executable, str(file)]


@pytest.fixture
def make(settings: Settings, script: list[str]) -> Iterator[Make]:
    made: list[Jobs] = []

    def new() -> Jobs:
        made.append(Jobs(settings, command=script))
        return made[-1]

    yield new
    for jobs in made:
        jobs.close()
        for job in jobs.all():
            if job.state == "running":
                ended(jobs, job.id)


def ended(jobs: Jobs, job_id: str, seconds: float = 20) -> Job:
    return until(jobs, job_id, lambda job: job.state in record.ENDED_STATES, seconds)


def until(jobs: Jobs, job_id: str, wanted: Callable[[Job], bool], seconds: float = 20) -> Job:
    limit = time.monotonic() + seconds
    while not wanted(job := jobs.get(job_id)):
        assert time.monotonic() < limit, job
        time.sleep(0.02)
    return job


def waits(job: Job) -> bool:
    return "waits" in job.lines


def test_a_job_that_ends_well_is_done_with_its_output_and_its_time(make: Make) -> None:
    jobs = make()
    job = jobs.start("train", "A training", ["say", "hello", "0"])
    assert job.state == "running" and job.kind == "train" and job.title == "A training"
    job = ended(jobs, job.id)
    assert (job.state, job.returncode, job.lines, job.problem) == ("done", 0, ("hello",), "")
    assert job.ended is not None and job.ended >= job.began
    assert json.loads((job.folder / "job.json").read_text())["state"] == "done"


def test_a_job_that_fails_says_why_in_the_commands_own_words(make: Make) -> None:
    jobs = make()
    job = ended(jobs, jobs.start("train", "t", ["say", "reading files: 3/7 (1.0/s)\nThe disk is full.\nFree some.", "2"]).id)
    assert (job.state, job.returncode, job.problem) == ("failed", 2, "The disk is full.\nFree some.")


def test_of_a_traceback_the_last_line_is_the_problem(make: Make) -> None:
    jobs = make()
    said = "Traceback (most recent call last):\n  File x\nrag.errors.RunError: broken"
    assert ended(jobs, jobs.start("train", "t", ["say", said, "70"]).id).problem == "rag.errors.RunError: broken"


def test_an_index_with_skipped_files_is_done(make: Make) -> None:
    jobs = make()
    job = ended(jobs, jobs.start("index", "i", ["say", "skipped x", "3"]).id)
    assert (job.state, job.returncode) == ("done", 3)
    assert ended(jobs, jobs.start("train", "t", ["say", "x", "3"]).id).state == "failed"


def test_a_cancelled_job_gets_a_ctrl_c_saves_and_is_stopped(make: Make, tmp_path: Path) -> None:
    jobs = make()
    job = jobs.start("train", "t", ["wait", str(tmp_path / "go")])
    until(jobs, job.id, waits)
    jobs.cancel(job.id)
    assert jobs.get(job.id).stopping or jobs.get(job.id).state == "stopped"
    job = ended(jobs, job.id)
    assert (job.state, job.returncode, job.stopping) == ("stopped", 130, False)
    assert job.lines[-1] == "saved"


def test_a_ctrl_c_reaches_the_command_even_when_ours_are_ignored(make: Make, tmp_path: Path) -> None:
    """As below a shell's `&`: ignored signals are inherited by children."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        jobs = make()
        job = jobs.start("train", "t", ["wait", str(tmp_path / "go")])
        until(jobs, job.id, waits)
        jobs.cancel(job.id)
        assert ended(jobs, job.id).lines[-1] == "saved"
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_job_that_does_not_stop_is_killed_with_its_group(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ui.jobs.jobs, "GRACE", 0.3)
    jobs = make()
    job = jobs.start("train", "t", ["wait", str(tmp_path / "go"), "deaf"])
    until(jobs, job.id, waits)
    runner = psutil.Process(json.loads((job.folder / "job.json").read_text())["pid"])
    children = runner.children()
    assert len(children) == 1
    jobs.cancel(job.id)
    assert ended(jobs, job.id).state == "stopped"
    assert not psutil.wait_procs(children, timeout=5)[1]


def test_a_command_that_something_else_kills_says_what_may_have_been_the_cause(make: Make, tmp_path: Path) -> None:
    jobs = make()
    job = jobs.start("train", "t", ["wait", str(tmp_path / "go")])
    until(jobs, job.id, waits)
    for child in psutil.Process(json.loads((job.folder / "job.json").read_text())["pid"]).children():
        child.kill()
    done = ended(jobs, job.id)
    assert done.state == "failed" and "memory ran out" in done.problem


def test_a_second_job_of_a_kind_waits_and_starts_by_itself(make: Make, tmp_path: Path) -> None:
    jobs = make()
    first = jobs.start("train", "1", ["wait", str(tmp_path / "go")])
    second = jobs.start("train", "2", ["say", "second", "0"])
    other = jobs.start("index", "3", ["say", "other", "0"])
    assert (first.state, second.state) == ("running", "waiting")
    assert ended(jobs, other.id).state == "done"
    assert [job.title for job in jobs.all("train")] == ["2", "1"]
    (tmp_path / "go").touch()
    assert ended(jobs, first.id).lines[-1] == "went on"
    assert ended(jobs, second.id).lines == ("second",)


def test_a_waiting_job_that_is_cancelled_never_runs(make: Make, tmp_path: Path) -> None:
    jobs = make()
    first = jobs.start("train", "1", ["wait", str(tmp_path / "go")])
    second = jobs.start("train", "2", ["say", "second", "0"])
    jobs.cancel(second.id)
    (tmp_path / "go").touch()
    ended(jobs, first.id)
    assert jobs.get(second.id).state == "stopped" and jobs.get(second.id).lines == ()


def test_progress_and_time_left_come_from_the_file(make: Make, tmp_path: Path) -> None:
    jobs = make()
    job = jobs.start("train", "t", ["wait", str(tmp_path / "go")])
    job = until(jobs, job.id, waits)
    assert (job.stage, job.done, job.total) == ("waiting", 1, 3)
    now = time.time()
    with (job.folder / "progress.jsonl").open("a") as file:
        for done, at in ((10, now - 10), (20, now)):
            file.write(json.dumps({"stage": "training", "done": done, "total": 40, "at": at}) + "\n")
        file.write('{"stage": "trai')
    job = jobs.get(job.id)
    assert (job.stage, job.done, job.total) == ("training", 20, 40)
    assert job.seconds_left is not None and 15 < job.seconds_left <= 20


def test_a_page_that_starts_again_finds_what_still_runs(make: Make, settings: Settings, script: list[str], tmp_path: Path) -> None:
    killed(_page(settings, script, ["wait", str(tmp_path / "go")]))
    jobs = make()
    (job,) = jobs.all()
    assert job.state == "running"
    until(jobs, job.id, waits)
    (tmp_path / "go").touch()
    job = ended(jobs, job.id)
    assert (job.state, job.returncode) == ("done", 0)


@pytest.mark.slow
def test_an_adopted_job_can_be_cancelled_and_holds_its_place(make: Make, settings: Settings, script: list[str], tmp_path: Path) -> None:
    killed(_page(settings, script, ["wait", str(tmp_path / "go")]))
    jobs = make()
    (job,) = jobs.all()
    second = jobs.start("train", "2", ["say", "second", "0"])
    assert second.state == "waiting"
    until(jobs, job.id, waits)
    jobs.cancel(job.id)
    assert ended(jobs, job.id).state == "stopped"
    assert ended(jobs, second.id).state == "done"


def test_what_ended_after_its_page_died_is_told_as_it_ended(make: Make, settings: Settings, script: list[str], tmp_path: Path) -> None:
    killed(_page(settings, script, ["wait", str(tmp_path / "go")]))
    (folder,) = (settings.home / "jobs").iterdir()
    (tmp_path / "go").touch()
    while record.exit_of(folder) is None:
        time.sleep(0.02)
    (job,) = make().all()
    assert (job.state, job.returncode) == ("done", 0)


def test_what_died_with_its_page_is_lost(make: Make, settings: Settings, script: list[str], tmp_path: Path) -> None:
    page = _page(settings, script, ["wait", str(tmp_path / "go")])
    (folder,) = (settings.home / "jobs").iterdir()
    runner = json.loads((folder / "job.json").read_text())["pid"]
    killed(page)
    os.killpg(runner, signal.SIGKILL)
    while psutil.pid_exists(runner) and psutil.Process(runner).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.02)
    (job,) = make().all()
    assert job.state == "lost" and job.returncode is None


@pytest.mark.slow
def test_what_waited_when_its_page_died_runs_in_the_next(make: Make, settings: Settings, script: list[str], tmp_path: Path) -> None:
    page = _page(settings, script, ["wait", str(tmp_path / "go")], ["say", "later", "0"])
    jobs = make()
    assert len(jobs.all()) == 1, "the page that lives starts what waits there"
    killed(page)
    jobs = make()
    later, first = jobs.all()
    assert (later.state, first.state) == ("waiting", "running")
    (tmp_path / "go").touch()
    assert ended(jobs, later.id).lines == ("later",)


def test_another_process_with_the_same_number_is_not_ours(make: Make, settings: Settings, script: list[str], tmp_path: Path) -> None:
    killed(_page(settings, script, ["wait", str(tmp_path / "go")]))
    (folder,) = (settings.home / "jobs").iterdir()
    known = record.read(folder)
    assert known is not None
    os.killpg(known.pid, signal.SIGKILL)
    known.pid = os.getpid()  # it runs, but it began at another time
    known.write(folder)
    assert make().all()[0].state == "lost"


def _page(settings: Settings, script: list[str], *arguments: list[str]) -> subprocess.Popen[str]:
    """A page in a process of its own that has started these jobs."""
    file = settings.home.parent / "given.toml"
    record.write_settings(settings, file)
    code = (
        "import json, sys, time; from pathlib import Path; from rag.configure import load; from ui.jobs.jobs import Jobs;"
        "settings = load(file=Path(sys.argv[1])).settings; jobs = Jobs(settings, command=json.loads(sys.argv[2]));"
        "[jobs.start('train', 't', each) for each in json.loads(sys.argv[3])]; print('started', flush=True); time.sleep(600)"
    )
    page = subprocess.Popen(
        [sys.executable, "-c", code, str(file), json.dumps(script), json.dumps(arguments)], stdout=subprocess.PIPE, text=True
    )
    assert page.stdout is not None and page.stdout.readline() == "started\n"
    return page


def killed(page: subprocess.Popen[str]) -> None:
    with page:
        page.kill()


def test_closing_stops_what_runs_and_what_waits(make: Make, tmp_path: Path) -> None:
    jobs = make()
    first = jobs.start("train", "1", ["wait", str(tmp_path / "go")])
    second = jobs.start("train", "2", ["say", "second", "0"])
    until(jobs, first.id, waits)
    jobs.close()
    assert ended(jobs, first.id).state == "stopped"
    assert jobs.get(second.id).state == "stopped"
    with pytest.raises(UserError, match="closing"):
        jobs.start("train", "3", ["say", "x", "0"])


def test_the_settings_of_the_page_reach_the_command_exactly(
    settings: Settings, script: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = Settings.model_validate(
        {
            **settings.model_dump(),
            "train": {"options": {"r": 16, "target": ["a", 'b "c" \\ \x7f ключ']}, "epochs": 1e-05},
            "qa": ["a b,c.jsonl"],
            "profile": "tiny",
        }
    )
    monkeypatch.setenv("ATLAS_RETRIEVE__TOP_K", "99")
    jobs = Jobs(changed, command=script)
    job = ended(jobs, jobs.start("train", "t", ["arguments"]).id)
    said = json.loads(job.lines[0])
    assert said[0] == "--config" and said[2:] == ["arguments"]
    assert load(file=Path(said[1]), environ={}).settings == changed
    assert Path(said[1]).stat().st_mode & 0o077 == 0 and job.folder.stat().st_mode & 0o077 == 0
    job = ended(jobs, jobs.start("train", "t", ["environment"]).id)
    assert json.loads(job.lines[0]) == {"ATLAS_PROGRESS_FILE": str(job.folder.absolute() / "progress.jsonl"), "PYTHONUNBUFFERED": "1"} | (
        {"ATLAS_TEST_HOME": os.environ["ATLAS_TEST_HOME"]} if "ATLAS_TEST_HOME" in os.environ else {}
    )


def test_only_ended_jobs_can_be_forgotten_and_only_the_newest_stay(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ui.jobs.jobs, "KEPT", 2)
    jobs = make()
    running = jobs.start("index", "i", ["wait", str(tmp_path / "go")])
    with pytest.raises(UserError, match="has not ended"):
        jobs.forget(running.id)
    made = [ended(jobs, jobs.start("train", str(n), ["say", "x", "0"]).id) for n in range(4)]
    jobs.forget(made[-1].id)
    with pytest.raises(UserError, match="no job"):
        jobs.get(made[-1].id)
    assert not made[-1].folder.exists() and not made[0].folder.exists()
    assert [job.title for job in jobs.all("train")] == ["2", "1"] and running.folder.exists()


@pytest.mark.parametrize("wanted", ["../../etc", "", "nothing"])
def test_an_unknown_job_is_an_error_of_one_line(make: Make, wanted: str) -> None:
    jobs = make()
    for ask in (jobs.get, jobs.cancel, jobs.forget):
        with pytest.raises(UserError, match="There is no job"):
            ask(wanted)


def test_a_damaged_folder_stops_nobody(make: Make, settings: Settings) -> None:
    for name, text in (("a", "{"), ("b", "[]"), ("c", '{"id": "c"}')):
        (settings.home / "jobs" / name).mkdir(parents=True)
        (settings.home / "jobs" / name / "job.json").write_text(text)
    assert make().all() == []


def test_the_atlas_command_itself_is_what_runs_by_default(settings: Settings) -> None:
    settings.corpus.mkdir(parents=True)
    (settings.corpus / "a.md").write_text("# Title\n\nA few words about retrieval.\n")
    jobs = Jobs(settings)
    job = ended(jobs, jobs.start("index", "Rebuild", ["index", "build"]).id, 300)
    assert job.state == "done", job
    assert any("is live, 1 chunks of 1 documents" in line for line in job.lines)
    assert (job.folder / "progress.jsonl").read_text().startswith('{"stage": "reading files", "done": 1, "total": 1')
