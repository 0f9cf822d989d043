"""How to repeat the run: its command, and everything the manifest says."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from eval.report.blocks import Block, Cell, Command, Section, Table, Terms, label
from eval.report.view import View
from eval.report.visible import cut

LONGEST = 400
"""Characters of one value; the whole manifest is in report.json."""
FOLDED = ("settings.", "request.", "libraries.", "determines.context.", "determines.retrieve.")
"""Long lists that are rarely read."""


def manifest(view: View) -> Section:
    """The command to copy, then one row for each value; nested names are joined by dots."""
    words, held = view.words, view.run.manifest
    blocks: list[Block] = []
    command = held.get("command")
    if command:
        blocks.append(Command(command if isinstance(command, str) else shlex.join(map(str, command))))
    rows = [(name, cut(value, LONGEST)) for name, value in flat(held) if name != "command"]
    table = tuple((Cell(name, kind="code"), Cell(value, kind="code")) for name, value in rows if not name.startswith(FOLDED))
    blocks.append(Table(words("manifest_caption"), (label(words("name")), label(words("value"))), table))
    folded = tuple(row for row in rows if row[0].startswith(FOLDED))
    if folded:
        blocks.append(Terms(words("manifest_folded"), folded))
    return Section("manifest", words("manifest_title"), words("manifest_lead"), tuple(blocks))


def flat(held: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """("settings.index.name", "default") ... Lists stay together."""
    yield from ((name, _text(value)) for name, value in _leaves(held))


def _leaves(held: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in held.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
