"""Bringing everything up behind an open page: models, model server, index, calibration; each stage timed, each failure said once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from rag.errors import UserError
from rag.progress import Progress, Tell, silent
from ui.chat.status import Doing, What, look
from ui.warming import warm

if TYPE_CHECKING:
    from rag.assistant import Assistant
    from rag.settings import Settings

STAGES = ("models", "server", "adapters", "index", "calibration", "warming")


class Launch:
    """One bringing-up. `tell` gets a line at the end of each stage; `ready` is for the page."""

    def __init__(self, settings: Settings, assistant: Assistant, *, tell: Tell, progress: Progress = silent) -> None:
        self.settings, self.assistant, self.tell, self._shown = settings, assistant, tell, progress
        self.seconds: dict[str, float] = {}
        self.failed: UserError | None = None
        self.ours = False
        """Whether the model server was started here, and is to be stopped with us."""
        self._doing: Doing | None = Doing("starting")
        self._stopped = threading.Event()
        self._ended = threading.Event()
        """Not asked of the thread: a `join` that Ctrl-C interrupts takes it for ended (Python 3.11)."""
        self._thread = threading.Thread(target=self._run, name="launch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Whether everything is up, or has failed, after at most so many seconds."""
        return self._ended.wait(seconds)

    def stop(self) -> None:
        """Stop what was started here; a server that was up before stays."""
        from rag.serve import vllm

        self._stopped.set()
        if self.ours:
            vllm.stop(self.settings)

    async def ready(self) -> Doing | None:
        """None when a question can be answered now. Raises the error that ended the launch."""
        if self.failed is not None:
            raise self.failed
        return self._doing or await look(self.settings, self.assistant)

    def _run(self) -> None:
        try:
            with self._stage("models"):
                said = self._models()
            self.tell(self._line("models", said))
            server = threading.Thread(target=self._guarded, args=(self._server,), name="server", daemon=True)
            server.start()  # it is another process, and the slowest to come up
            self._guarded(self._search)
            server.join()
        except Exception as exc:
            self._fail(exc)
        finally:
            self._ended.set()

    def _guarded(self, stage: Callable[[], None]) -> None:
        try:
            stage()
        except Exception as exc:
            self._fail(exc)

    def _fail(self, exc: Exception) -> None:
        if self._stopped.is_set():
            return
        if not isinstance(exc, UserError):
            import traceback

            self.tell("".join(traceback.format_exception(exc)).rstrip())
            exc = UserError(f"Starting failed: {type(exc).__name__}: {exc}", "The details are in the terminal.")
        self.failed = self.failed or exc
        self.tell(str(exc))

    def _models(self) -> str:
        from rag.models.folder import resolve
        from rag.models.wanted import wanted

        names = wanted(self.settings)
        for name in names:
            resolve(name, self.settings, progress=self._progress("models"))
        return ", ".join(names) or "none needed"

    def _server(self) -> None:
        from rag.serve import vllm

        if self.settings.generate.backend != "vllm" or self._stopped.is_set():
            return
        with self._stage("server"):
            self.ours = vllm.status(self.settings) is None
            server = vllm.start(self.settings, progress=self._shown)
        self.tell(self._line("server", f"{server.url} (process {server.pid}{'' if self.ours else ', was running'}), log {server.log}"))
        self._adapters()

    def _adapters(self) -> None:
        """The panes with an adapter. Everything else answers without it, so that a failure here is only told."""
        from adapters import serving

        if not self.settings.ui.adapters or self._stopped.is_set():
            return
        if (free := psutil.virtual_memory().available / 1e9) < (needed := self._server_gb()):
            self.tell(f"No adapter is loaded: {free:.1f} GB of memory are free, and a second model server takes up to {needed:.0f} GB.")
            return
        try:
            with self._stage("adapters"):
                found = serving.bring_up(self.settings, progress=self._shown)
        except UserError as exc:
            if not self._stopped.is_set():
                self.tell(f"No adapter is loaded: {exc}")
            return
        if found:
            self.tell(self._line("adapters", ", ".join(f"{each.route.adapter} ({each.route.way})" for each in found)))

    def _server_gb(self) -> float:
        from rag.models.folder import resolve
        from rag.models.precision import bytes_in_bfloat16, gigabytes_of_server, of_server

        base = resolve(self.settings.generate.model, self.settings).path
        return gigabytes_of_server(bytes_in_bfloat16(base) / 1e9, self.settings.serve.kv_cache_gb, of_server(base))

    def _search(self) -> None:
        """Index, calibration, and the embedder's weights. An index that is there answers while it is brought up to date.

        One that another embedder made cannot: it is built anew first.
        """
        from rag.errors import IndexError_
        from rag.index import versions
        from rag.index.build import build

        if versions.live(versions.folder_of(self.settings)):
            self._doing = Doing("warming")
            with suppress(IndexError_):
                self._warm()
                self._doing = None
        with self._stage("index"):
            report = build(self.settings, progress=self._progress("index"))
        said = "unchanged" if report.unchanged else f"{report.embedded:,} chunks embedded, {report.reused:,} reused"
        skipped = f"; skipped: {', '.join(problem.path for problem in report.problems)}" if report.problems else ""
        self.tell(self._line("index", f"{report.documents:,} documents, {report.chunks:,} chunks, {said}{skipped}"))
        if self._doing is not None:
            self._warm()
        self._calibrate()
        self._doing = None

    def _warm(self) -> None:
        """The first question should not pay for loading weights."""
        with self._stage("warming"):
            warm(self.assistant)
        self.tell(self._line("warming", "search and examples are loaded"))

    def _calibrate(self) -> None:
        from rag.assistant import calibration_file
        from rag.context import abstain
        from rag.errors import InputError
        from rag.qa import read_pairs

        file, retriever = calibration_file(self.settings), self.assistant.retriever
        files = [Path(name) for name in self.settings.qa if Path(name).is_file()]
        if not files or not self.settings.context.abstain or abstain.load(file, retriever.embedder.identity()) is not None:
            return
        try:
            with self._stage("calibration"):
                abstain.save(abstain.calibrate(retriever, read_pairs(files), progress=self._progress("calibration")), file)
        except InputError as exc:  # not needed to answer
            self.tell(f"Not calibrated: {exc}")
            return
        self.tell(self._line("calibration", "done"))

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began

    def _line(self, stage: str, said: str) -> str:
        return f"{stage}: {said} ({self.seconds[stage]:.1f} s)"

    def _progress(self, what: What) -> Progress:
        """Shown in the terminal, and on the page while questions have to wait for it."""

        def report(stage: str, done: int, total: int) -> None:
            if self._doing is not None:
                self._doing = Doing(what, done, total)
            self._shown(stage, done, total)

        return report
