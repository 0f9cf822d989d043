"""The long jobs of a home: started as processes of their own, watched, queued by kind, cancelled, and found again after a restart."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from rag.errors import UserError
from rag.settings import Settings
from ui.jobs import record, trail
from ui.jobs.record import ENDED_STATES, KINDS, OUTPUT, PROGRESS, SETTINGS, Kind, Record, State
from ui.jobs.trail import Trail

__all__ = ["Job", "Jobs", "Kind", "State"]

ROOT = Path(__file__).resolve().parents[2]
RUNNER = Path(__file__).with_name("runner.py")
COMMAND = (sys.executable, "-P", "-m", "ui")
GRACE = 60.0
"""Seconds that a cancelled command has to save what it made."""
KEPT = 50
"""Ended jobs that are remembered, the newest."""
LONGEST_QUEUE = 10
LOOK = 0.25
NICE: dict[Kind, int] = {"index": 5, "train": 5, "merge": 5}
"""What gives way to the chat when the cores are busy. What is loaded stays and answers, so it does not; nor what is measured."""
PARTLY: dict[Kind, int] = {"index": 3}
"""Return codes that mean "done, with something to look at"."""
COLOURS = ("FORCE_COLOR", "CLICOLOR_FORCE", "TTY_COMPATIBLE", "TTY_INTERACTIVE")


@dataclass(frozen=True, slots=True)
class Job:
    """A picture of a job; ask `Jobs` for a newer one. Times are those of `time.time()`.

    `state` "waiting": another job of the same kind runs; "lost": the page's process died while it ran, and so did it.
    `done` of `total` and `seconds_left` belong to the present `stage`. `lines`: the last of its output, made plain.
    `problem`: why it failed, in the command's own words.
    """

    id: str
    kind: Kind
    title: str
    arguments: tuple[str, ...]
    state: State
    began: float
    ended: float | None
    stage: str
    done: int
    total: int
    seconds_left: float | None
    lines: tuple[str, ...]
    problem: str
    returncode: int | None
    folder: Path
    stopping: bool = False
    """It was asked to stop and has not yet."""


@dataclass(slots=True)
class _Held:
    record: Record
    folder: Path
    trail: Trail


class Jobs:
    """All jobs of one home. One of a kind runs at a time, further ones wait for it. Thread-safe."""

    def __init__(self, settings: Settings, *, command: Sequence[str] | None = None) -> None:
        """`command`: what `--config FILE` and a job's arguments are added to; default: the `atlas` command. Finds what runs already."""
        self._settings = settings
        self._command = tuple(command or COMMAND)
        self._folder = settings.home / "jobs"
        self._lock = threading.RLock()
        self._held: dict[str, _Held] = {}
        self._closed = False
        me = psutil.Process()
        self._me = (me.pid, me.create_time())
        self._find()

    def start(self, kind: Kind, title: str, arguments: Sequence[str]) -> Job:
        """Start it now, or let it wait for the one of its kind that runs. Raises UserError."""
        with self._lock:
            waiting = [each for each in self._held.values() if each.record.kind == kind and each.record.state == "waiting"]
            if kind not in KINDS or any("\0" in each for each in arguments):
                raise UserError(f"There is no job '{kind}' {list(arguments)}.", f"Kinds: {', '.join(KINDS)}.")
            if len(waiting) >= LONGEST_QUEUE:
                raise UserError(f"{len(waiting)} jobs of this kind wait already.", "Cancel one, or try again later.")
            if self._closed:
                raise UserError("The page is closing.", "Start it again: `atlas ui`.")
            held = self._new(kind, title, arguments)
            self._held[held.record.id] = held
            self._next(kind)
            self._prune()
            return self._picture(held)

    def cancel(self, job_id: str) -> None:
        """Ask a running one to stop, and kill it if it has not after GRACE seconds. A waiting one leaves the queue, an ended one stays."""
        with self._lock:
            held = self._known(job_id)
            if held.record.state == "waiting":
                self._end(held, "stopped", None)
            elif held.record.state == "running":
                self._interrupt(held)

    def get(self, job_id: str) -> Job:
        """Raises UserError when there is no such job (any more)."""
        with self._lock:
            return self._picture(self._known(job_id))

    def all(self, kind: Kind | None = None) -> list[Job]:
        """Newest first."""
        with self._lock:
            found = [each for each in self._held.values() if kind in (None, each.record.kind)]
            return [self._picture(each) for each in sorted(found, key=lambda each: each.record.asked, reverse=True)]

    def forget(self, job_id: str) -> None:
        """Remove an ended job and its output. Raises UserError for one that has not ended."""
        with self._lock:
            held = self._known(job_id)
            if held.record.state not in ENDED_STATES:
                raise UserError(f"The job '{held.record.title}' has not ended.", "Cancel it first.")
            del self._held[job_id]
            shutil.rmtree(held.folder, ignore_errors=True)

    def close(self) -> None:
        """The page ends: whatever runs is asked to stop, nothing new starts."""
        with self._lock:
            self._closed = True
            for held in list(self._held.values()):
                if held.record.owner == self._me[0] and held.record.state in ("waiting", "running"):
                    self.cancel(held.record.id)

    def _known(self, job_id: str) -> _Held:
        if job_id not in self._held:
            raise UserError(f"There is no job '{job_id}'.", "It may have been forgotten since; open the page again.")
        return self._held[job_id]

    def _picture(self, held: _Held) -> Job:
        now, seen = held.record, held.trail
        seen.look()
        return Job(
            id=now.id, kind=now.kind, title=now.title, arguments=now.arguments, state=now.state, began=now.began, ended=now.ended,
            stage=seen.stage, done=seen.done, total=seen.total,
            seconds_left=seen.seconds_left() if now.state == "running" else None,
            lines=trail.last_lines(held.folder / OUTPUT), problem=now.problem, returncode=now.returncode, folder=held.folder,
            stopping=now.state == "running" and now.stopping is not None,
        )  # fmt: skip

    def _new(self, kind: Kind, title: str, arguments: Sequence[str]) -> _Held:
        at = time.time()
        name = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(at))}-{kind}-{secrets.token_hex(3)}"
        folder = self._folder / name
        try:
            made = Record(name, kind, title, tuple(arguments), "waiting", at, at, os.getcwd(), *self._me)
            folder.mkdir(parents=True, mode=0o700)
            record.write_settings(self._settings, folder / SETTINGS)
            made.write(folder)
        except OSError as exc:
            raise UserError(f"The job cannot be written to {folder}: {exc.strerror or exc}.", "Check the disk, or set `home`.") from exc
        return _Held(made, folder, Trail(folder / PROGRESS))

    def _next(self, kind: Kind) -> None:
        """Start the oldest waiting one of that kind if none runs."""
        of_kind = [each for each in self._held.values() if each.record.kind == kind]
        waiting = sorted((each for each in of_kind if each.record.state == "waiting"), key=lambda each: each.record.asked)
        if waiting and not self._closed and not any(each.record.state == "running" for each in of_kind):
            self._run(waiting[0])

    def _run(self, held: _Held) -> None:
        now = held.record
        folder = held.folder.absolute()
        command = [*self._command, "--config", str(folder / SETTINGS), *now.arguments]
        runner = [sys.executable, "-I", "-S", str(RUNNER), str(folder), str(NICE.get(now.kind, 0)), *command]
        try:
            with (folder / OUTPUT).open("ab") as output:
                child = subprocess.Popen(
                    runner, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=now.cwd,
                    env=_environment(folder / PROGRESS), start_new_session=True,
                )  # fmt: skip
            now.pid, now.pid_began = child.pid, psutil.Process(child.pid).create_time()
        except (OSError, psutil.Error) as exc:
            self._end(held, "failed", None, f"It could not be started: {exc}.")
            self._next(now.kind)
            return
        now.state, now.began = "running", time.time()
        self._write(held)
        self._watched(held, child)

    def _watched(self, held: _Held, runner: subprocess.Popen[bytes] | psutil.Process) -> None:
        threading.Thread(target=self._watch, args=(held, runner), name=f"job {held.record.id}", daemon=True).start()

    def _watch(self, held: _Held, runner: subprocess.Popen[bytes] | psutil.Process) -> None:
        while True:
            try:
                runner.wait(timeout=LOOK)
                break
            except (subprocess.TimeoutExpired, psutil.TimeoutExpired):
                asked = held.record.stopping
                if asked is not None and time.time() - asked > GRACE:
                    _signal(held.record, signal.SIGKILL, group=True)
        with self._lock:
            self._ended(held)
            self._next(held.record.kind)

    def _ended(self, held: _Held) -> None:
        """The process is gone: say how it ended."""
        written = record.exit_of(held.folder)
        code, at = written or (None, time.time())
        if held.record.stopping is not None and not (written and at < held.record.stopping):
            self._end(held, "stopped", code, at=at)
        elif code in (0, PARTLY.get(held.record.kind, 0)):
            self._end(held, "done", code, at=at)
        else:
            said = trail.error_of(trail.last_lines(held.folder / OUTPUT))
            killed = _killed(code) if written else "It was killed."
            self._end(
                held, "failed", code, "\n".join(filter(None, [said, killed])) or f"It ended with code {code} and said nothing.", at=at
            )

    def _end(self, held: _Held, state: State, code: int | None, problem: str = "", *, at: float | None = None) -> None:
        now = held.record
        now.state, now.returncode, now.problem, now.ended = state, code, problem, at or time.time()
        self._write(held)

    def _write(self, held: _Held) -> None:
        with suppress(OSError):  # a full disk, or a folder removed by hand: this process knows the state all the same
            held.record.write(held.folder)

    def _interrupt(self, held: _Held) -> None:
        if held.record.stopping is None:
            held.record.stopping = time.time()
            self._write(held)
            _signal(held.record, signal.SIGINT)

    def _find(self) -> None:
        """What an earlier process of the page left: what still runs is watched on, what waited waits again."""
        for folder in sorted(self._folder.glob("*")) if self._folder.is_dir() else ():
            found = record.read(folder)
            if found is None:
                continue
            held = _Held(found, folder, Trail(folder / PROGRESS))
            if found.state == "waiting":
                if record.process(found.owner, found.owner_began):
                    continue  # another page of this home starts it
                found.owner, found.owner_began = self._me
            self._held[found.id] = held
            if found.state == "running":
                self._adopt(held)
        for kind in KINDS:
            self._next(kind)
        self._prune()

    def _adopt(self, held: _Held) -> None:
        runner = record.process(held.record.pid, held.record.pid_began)
        if record.exit_of(held.folder):
            self._ended(held)
        elif runner is not None:
            if not record.process(held.record.owner, held.record.owner_began):
                held.record.owner, held.record.owner_began = self._me
                self._write(held)
            self._watched(held, runner)
        elif held.record.stopping is not None:
            self._ended(held)
        else:
            self._end(held, "lost", None)

    def _prune(self) -> None:
        ended = sorted((each.record.asked, name) for name, each in self._held.items() if each.record.state in ENDED_STATES)
        for _, name in ended[:-KEPT]:
            self.forget(name)


def _environment(progress: Path) -> dict[str, str]:
    """Ours without what would change the settings: those are in the file."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("ATLAS_") or key == "ATLAS_TEST_HOME"}
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    ours = {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1", "NO_COLOR": "1", "ATLAS_PROGRESS_FILE": str(progress)}
    return {key: value for key, value in kept.items() if key not in COLOURS} | ours


def _killed(code: int | None) -> str:
    """Empty where the command ended by itself. Linux sends signal 9 when memory runs out, and says so nowhere else."""
    if code is None or code >= 0:
        return ""
    if code == -signal.SIGKILL:
        return "It was killed (signal 9): if nobody did that, memory ran out. Close other programs and start it again."
    return f"It was killed (signal {-code})."


def _signal(job: Record, number: signal.Signals, *, group: bool = False) -> None:
    """To the job's process, or to its whole group; never to another process that was given its number."""
    if record.process(job.pid, job.pid_began) is None:
        return
    with suppress(ProcessLookupError):
        os.killpg(job.pid, number) if group else os.kill(job.pid, number)
