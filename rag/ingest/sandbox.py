"""Runs the parsers of complicated formats in a child process: a file that hangs, crashes or eats memory costs only itself."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from rag.ingest.extract import Extract
from rag.ingest.files import Unreadable

ROOT = Path(__file__).resolve().parents[2]


class Sandbox:
    """One child, started at the first file that needs it and again after a file killed it. A context manager."""

    def __init__(self, *, starting: float = 120.0) -> None:
        """`starting`: seconds that the first file of each reader may take longer, because its libraries are imported then."""
        self._starting = starting
        self._warm: set[str] = set()
        self._child: subprocess.Popen[bytes] | None = None

    def read(self, reader: str, file: Path, *, seconds: float) -> list[Extract]:
        """What `reader` ("module:function") makes of the file. Raises Unreadable, also when the time is over."""
        child = self._running()
        assert child.stdin is not None and child.stdout is not None
        try:
            child.stdin.write(json.dumps({"reader": reader, "file": str(file.absolute())}).encode() + b"\n")
            child.stdin.flush()
            allowed = seconds + (0.0 if reader in self._warm else self._starting)
            answer = json.loads(_line(child.stdout.fileno(), time.monotonic() + allowed))
        except TimeoutError as exc:
            self.close()
            raise Unreadable(f"its reader was stopped after {allowed:.0f} s (ingest.reader_seconds)") from exc
        except (EOFError, BrokenPipeError) as exc:
            code = child.wait()
            self.close()
            raise Unreadable(f"its reader crashed (exit code {code}; broken file, or out of memory)") from exc
        if "problem" in answer:
            raise Unreadable(answer["problem"])
        self._warm.add(reader)
        return [Extract.from_json(extract) for extract in answer["extracts"]]

    def close(self) -> None:
        if self._child is None:
            return
        self._child.kill()
        self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue  # the request that killed the child was still in the buffer
        self._child = None
        self._warm.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self.close()
            path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
            self._child = subprocess.Popen(
                [sys.executable, "-P", "-m", "rag.ingest.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"},
            )
        return self._child


def _line(pipe: int, deadline: float) -> bytes:
    """Bytes up to a line end. Raises TimeoutError at the deadline and EOFError when the other end closed."""
    parts: list[bytes] = []
    while not parts or not parts[-1].endswith(b"\n"):
        if not select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise TimeoutError
        block = os.read(pipe, 2**20)
        if not block:
            raise EOFError
        parts.append(block)
    return b"".join(parts)
