"""Memory of a training: what is freed is used again, and running out of it is one line."""

from __future__ import annotations

import subprocess
import sys

import pytest

from adapters.train import memory
from rag.errors import UserError

FAULTS = """
import contextlib, resource, sys
import torch
from adapters.train import memory
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    step = [torch.ones(10_000_000) for _ in range(4)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
with memory.of_training() if sys.argv[1] == "training" else contextlib.nullcontext():
    if sys.argv[1] != "after":
        print(min([faults() for _ in range(10)][5:]))
if sys.argv[1] == "after":
    with memory.of_training():
        faults()
    print(min([faults() for _ in range(10)][5:]))
"""
PAGES = 4 * 10_000_000 * 4 // 4096


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is glibc's")
def test_a_step_touches_the_memory_of_the_step_before() -> None:
    def fewest(how: str) -> int:
        return int(subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True).stdout)

    assert fewest("training") < PAGES // 10
    assert fewest("never") > PAGES // 2
    assert fewest("after") > PAGES // 2


SHORT = """
import psutil, torch
from adapters.train import memory
def held():
    return psutil.Process().memory_info().rss
with memory.of_training():
    before = held()
    step = [torch.ones(10_000_000) for _ in range(4)]
    last = torch.ones(10)
    del step
    memory.give_back(least=0.0)
    kept = held() - before
    memory.give_back(least=1.0)
    print(kept, held() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="malloc_trim is glibc's")
def test_what_is_kept_is_given_back_when_memory_gets_short() -> None:
    said = subprocess.run([sys.executable, "-c", SHORT], capture_output=True, text=True, check=True).stdout
    kept, left = map(int, said.split())
    assert kept > 150_000_000
    assert left < 50_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's own")
def test_a_training_is_what_linux_ends_first_and_afterwards_no_longer() -> None:
    usual = int(memory.EXPENDABLE.read_text())
    with memory.of_training():
        assert int(memory.EXPENDABLE.read_text()) == memory.FIRST > 300  # of Chromium's tabs
    assert int(memory.EXPENDABLE.read_text()) == usual


def test_running_out_is_one_line_with_a_way_out() -> None:
    with pytest.raises(UserError, match=r"not enough memory.*Lower train\.batch_tokens"), memory.explained():
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes")


def test_another_failure_is_not_taken_for_it() -> None:
    with pytest.raises(RuntimeError, match="shapes"), memory.explained():
        raise RuntimeError("shapes do not fit")
