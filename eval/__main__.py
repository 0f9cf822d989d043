"""`python -m eval --qa ...` is `atlas eval --qa ...`."""

from __future__ import annotations

import importlib
import sys


def main() -> None:
    # By name, as this layer knows nothing of the one that prints: it only starts it.
    run = importlib.import_module("ui.cli").run
    sys.exit(run(["eval", *sys.argv[1:]]))


if __name__ == "__main__":
    main()
