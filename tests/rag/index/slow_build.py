"""Builds slow enough to be killed anywhere: they pause at every file they touch and every text they embed.

`python -m tests.rag.index.slow_build HOME CORPUS` imports everything once; for each "build" on standard input it forks a
child that builds (it prints "pid N", then "begun" at the first text embedded), and for "reap" it waits for that child
("ended STATUS").
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from rag.embed.hashing import HashEmbedder
from rag.index.build import build
from rag.settings import Settings

PAUSE = 0.001  # seconds
EVENTS = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate", "sqlite3.connect", "shutil.rmtree", "os.scandir"}


class Slow(HashEmbedder):
    begun = False

    def embed_passages(self, texts: Any, *, progress: Any = None) -> Any:
        if not self.begun:
            self.begun = True
            os.write(1, b"begun\n")
        time.sleep(PAUSE * len(texts) / 4)
        return super().embed_passages(texts)


def slowly(home: Path, corpus: Path) -> None:
    def pause(event: str, arguments: tuple[Any, ...]) -> None:
        if event in EVENTS and arguments and str(home) in str(arguments[0]):
            time.sleep(PAUSE)

    sys.addaudithook(pause)
    build(Settings(home=home, corpus=corpus, embed={"backend": "hash"}), embedder=Slow())


def serve(home: Path, corpus: Path) -> None:
    import bm25s  # noqa: F401  (imported before the fork, so that a child is quick)
    import faiss  # noqa: F401
    import pathspec  # noqa: F401

    child = 0
    for line in sys.stdin:
        if line.strip() == "reap":
            _, status = os.waitpid(child, 0)
            os.write(1, f"ended {status}\n".encode())
            continue
        child = os.fork()
        if not child:
            slowly(home, corpus)
            os._exit(0)
        os.write(1, f"pid {child}\n".encode())


if __name__ == "__main__":
    serve(Path(sys.argv[1]), Path(sys.argv[2]))
