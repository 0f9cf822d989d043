"""Runs one command and writes how it ended, for whoever looks then: the page that started it may be gone.

A script of its own, started by path with only the standard library: `python -I -S runner.py FOLDER NICENESS COMMAND...`
SIGINT and SIGTERM are passed on to the command alone, so that it can save and stop its own children.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from types import FrameType

ENDED = "ended.json"


def run(niceness: int, command: list[str]) -> int:
    asked: list[int] = []
    child: subprocess.Popen[bytes] | None = None

    def pass_on(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        if child is not None:
            child.send_signal(number)

    # A shell's background jobs ignore SIGINT, and children inherit that: with a handler here, exec gives the command the default.
    signal.signal(signal.SIGINT, pass_on)
    signal.signal(signal.SIGTERM, pass_on)
    os.nice(niceness)
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    except OSError as exc:
        sys.stderr.write(f"{command[0]} cannot be started: {exc}\n")
        return 127
    for number in asked:
        child.send_signal(number)
    return child.wait()


def record(folder: str, code: int) -> None:
    fresh = os.path.join(folder, f".{ENDED}")
    with open(fresh, "w", encoding="utf-8") as file:
        json.dump({"returncode": code, "at": time.time()}, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, os.path.join(folder, ENDED))


if __name__ == "__main__":
    record(sys.argv[1], run(int(sys.argv[2]), sys.argv[3:]))
