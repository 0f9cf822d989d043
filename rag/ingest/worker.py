"""The child process that runs the parsers: `python -m rag.ingest.worker`. One JSON request per line in, one answer per line out."""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
from pathlib import Path

from rag.ingest.files import Unreadable

MEMORY = 4 * 2**30  # bytes of address space


def serve() -> None:
    """Answers {"reader", "file"} with {"extracts": [...]} or {"problem": "one line"}, until its input ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a parser prints must not look like an answer
    for line in sys.stdin:
        request = json.loads(line)
        answers.write(json.dumps(answer(request["reader"], Path(request["file"]))) + "\n")
        answers.flush()


def answer(reader: str, file: Path) -> dict[str, list[str] | str]:
    """`reader` is "module:function". Whatever the parser raises becomes the file's problem: this is the seam."""
    module, _, function = reader.partition(":")
    try:
        return {"extracts": [extract.to_json() for extract in getattr(importlib.import_module(module), function)(file)]}
    except Unreadable as exc:
        return {"problem": exc.what}
    except MemoryError:
        return {"problem": f"needs more than {MEMORY // 2**30} GB of memory to read"}
    except Exception as exc:
        return {"problem": f"cannot be read: {type(exc).__name__}: {' '.join(str(exc).split())}"[:200]}


if __name__ == "__main__":
    serve()
