"""Readers that misbehave, for the tests of the sandbox."""

from __future__ import annotations

import os
import time
from pathlib import Path


def hang(file: Path) -> list[object]:
    time.sleep(600)
    return []


def crash(file: Path) -> list[object]:
    os._exit(3)


def gorge(file: Path) -> list[object]:
    return [bytearray(2**33)]


def fail(file: Path) -> list[object]:
    print("a parser that prints")  # noqa: T201 - must not disturb the answers
    raise ValueError("strange\nbytes")
