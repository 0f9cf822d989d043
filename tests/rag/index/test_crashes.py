"""kill -9 and a full disk, at any moment: the old index answers, the next build completes."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median

import pytest

from rag.embed.hashing import HashEmbedder
from rag.errors import IndexError_
from rag.index import versions
from rag.index.build import build
from rag.index.opened import open_live
from rag.settings import Settings

from .conftest import write

Make = Callable[..., Settings]
ROOT = Path(__file__).parents[3]
PAGES = 24
KILLS = 100


def edition(corpus: Path, number: int) -> None:
    head = "---\nlanguage: en\n---\n"  # stated, so that no language model is loaded a hundred times
    write(
        corpus,
        {
            f"page{page:02}.md": f"{head}Page {page} of edition{number}: words about subject{page} and matter{number * page}."
            for page in range(PAGES)
        },
    )


def live_edition(settings: Settings) -> int:
    """The edition that answers now; every document must belong to it, in all parts of the index."""
    index = open_live(settings, HashEmbedder()).current()
    ids = {name for name, _ in index.lexical("page", 2 * PAGES)}
    texts = [chunk.text for chunk in index.chunks(sorted(ids)) if "edition" in chunk.text]
    editions = {int(text.split("edition")[1].split(":")[0]) for text in texts}
    assert len(texts) == PAGES
    assert len(editions) == 1
    number = editions.pop()
    (name, score), *_ = index.dense(
        HashEmbedder().embed_query(f"page07 Page 7 of edition{number}: words about subject7 and matter{7 * number}."), 1
    )
    assert "Page 7 of" in index.chunks([name])[0].text
    assert score > 0.8
    index.close()
    return number


@pytest.fixture
def fast_disk(tmp_path: Path) -> Iterator[Path]:
    """Memory, where there is such a folder: a kill is the same there, and hundreds of fsyncs take no time."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() and os.access(memory, os.W_OK) else tmp_path) as folder:
        yield Path(folder)


class Builder:
    """The process that forks slow builds (see slow_build.py), and the one that runs now."""

    def __init__(self, settings: Settings) -> None:
        command = [sys.executable, "-m", "tests.rag.index.slow_build", str(settings.home), str(settings.corpus)]
        self.server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, cwd=ROOT)

    def start(self) -> None:
        self._say("build")
        self.pid = int(self._hear("pid"))

    def wait_for_embedding(self) -> None:
        self._hear("begun")

    def end(self, *, kill: bool) -> int:
        """The child's exit status (9 when the kill came before its end)."""
        if kill:
            os.kill(self.pid, signal.SIGKILL)  # not reaped yet, so the number is still its own
        self._say("reap")
        return int(self._hear("ended"))

    def close(self) -> None:
        self.server.kill()
        self.server.communicate()

    def _say(self, word: str) -> None:
        assert self.server.stdin
        self.server.stdin.write(word + "\n")

    def _hear(self, word: str) -> str:
        """The rest of the next line that begins with `word`."""
        assert self.server.stdout
        for line in self.server.stdout:
            said, _, rest = line.strip().partition(" ")
            if said == word:
                return rest
        raise AssertionError(f"the builder ended before it said {word!r}")


@pytest.fixture
def builder(make_settings: Make, fast_disk: Path) -> Iterator[Builder]:
    process = Builder(make_settings(home=fast_disk / "home"))
    yield process
    process.close()


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_an_index_that_answers(make_settings: Make, corpus: Path, fast_disk: Path, builder: Builder) -> None:
    settings = make_settings(home=fast_disk / "home")
    folder = versions.folder_of(settings)
    shutil.rmtree(corpus / "ru")
    dice = random.Random(20)
    before, after = rehearse(builder, corpus)
    outcomes = {"old": 0, "new": 0, "leftover": 0}
    old = live_edition(settings)
    for number in range(10, KILLS + 10):
        edition(corpus, number)
        builder.start()
        if dice.random() < 0.25:
            time.sleep(dice.uniform(0, before))
        else:
            builder.wait_for_embedding()
            time.sleep(dice.uniform(0, after * 1.05))
        builder.end(kill=True)
        answering = live_edition(settings)
        assert answering in (old, number)
        outcomes["new" if answering == number else "old"] += 1
        outcomes["leftover"] += bool(list(folder.glob(".build-*")))
        build(settings)
        old = live_edition(settings)
        assert old == number
        assert not list(folder.glob(".build-*"))
    assert min(outcomes.values()) > 5, outcomes  # the kills came at all stages


def rehearse(builder: Builder, corpus: Path) -> tuple[float, float]:
    """Median seconds that a build takes before and after it begins to embed."""
    times = []
    for number in range(1, 6):
        edition(corpus, number)
        began = time.monotonic()
        builder.start()
        builder.wait_for_embedding()
        middle = time.monotonic()
        assert builder.end(kill=False) == 0
        times.append((middle - began, time.monotonic() - middle))
    return median(before for before, _ in times[1:]), median(after for _, after in times[1:])


def committed(file: Path) -> int:
    """How many vectors another process would find now."""
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as reader:
            return int(reader.execute("SELECT count(*) FROM embeddings").fetchone()[0])
    except sqlite3.OperationalError:  # no file or no table yet
        return 0


def test_what_was_embedded_before_a_kill_is_not_embedded_again(
    make_settings: Make, corpus: Path, fast_disk: Path, builder: Builder
) -> None:
    settings = make_settings(home=fast_disk / "home")
    write(corpus, {f"note{number:03}.txt": f"Note {number} about thing{number} and place{number * 3}." for number in range(1000)})
    builder.start()
    builder.wait_for_embedding()
    while committed(versions.folder_of(settings) / "embeddings.db") < 64:
        time.sleep(0.002)
    assert builder.end(kill=True) == signal.SIGKILL
    report = build(settings)
    assert report.reused >= 64
    assert report.embedded == report.chunks - report.reused


@contextmanager
def limited(folder: Path, size: int) -> Iterator[Callable[[], None]]:
    """A full disk: a tmpfs of `size` bytes at `folder`, or, where mounting is refused, a limit on the size of files.

    Yields what makes room.
    """
    folder.mkdir(parents=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True).returncode == 0
    if mounted:
        try:

            def make_room() -> None:
                subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True)

            yield make_room
        finally:
            subprocess.run(["umount", str(folder)], check=True)
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size // 4, hard))
    try:
        yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def used(folder: Path) -> int:
    """Bytes on disk, in pages."""
    return sum(-(-path.stat().st_size // 4096) * 4096 for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("share", [0.2, 0.45, 0.6, 0.7, 0.8, 0.9, 0.97])
def test_a_full_disk_leaves_the_old_index_and_the_next_build_completes(
    share: float, make_settings: Make, corpus: Path, tmp_path: Path
) -> None:
    edition(corpus, 0)
    more = {f"note{number:03}.txt": f"Note {number} about thing{number} and place{number * 3}." for number in range(300)}

    rehearsal = make_settings(home=tmp_path / "rehearsal")
    build(rehearsal)
    small = used(rehearsal.home)
    write(corpus, more)
    build(rehearsal)
    large = used(rehearsal.home)
    for name in more:
        (corpus / name).unlink()

    settings = make_settings(home=tmp_path / "disk")
    with limited(settings.home, int(small + 60_000 + share * (large - small - 60_000))) as make_room:
        build(settings)
        write(corpus, more)
        with pytest.raises(IndexError_, match=r"full|Cannot write") as caught:
            build(settings)
        assert "\n" not in str(caught.value)
        assert live_edition(settings) == 0
        make_room()
        report = build(settings)
        assert report.documents >= 300 + PAGES
        assert not list(versions.folder_of(settings).glob(".build-*"))
        shutil.rmtree(settings.home, ignore_errors=True)


def test_a_limit_on_file_sizes_is_told_like_a_full_disk(settings: Settings, corpus: Path) -> None:
    edition(corpus, 0)
    build(settings)
    write(corpus, {f"note{number:03}.txt": f"Note {number} about thing{number} and place{number * 3}." for number in range(300)})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, hard))
    try:
        with pytest.raises(IndexError_, match=r"full|Cannot write"):
            build(settings)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert live_edition(settings) == 0
    assert build(settings).documents >= 300
