"""Every message that a page can show: where the code says it, and what stands for its values."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from string import Formatter
from typing import get_args

from adapters.data.leakage import Kind
from adapters.method import Route
from rag.serve.vllm import EXPLAINED
from tests.ui.messages.written import Reading, Said, Source, calls, errors, sources

COMMANDS = ("adapters", "eval", "index", "train")
"""Commands that pages run as jobs; the others are seen in a terminal only."""
TERMINAL = (
    *(f"ui/commands/{name}.py" for name in ("ask", "calibrate", "chat", "config", "models", "pairs", "search", "serve", "study", "users")),
    "ui/chat/open.py", "ui/chat/serve.py", "ui/guard/guard.py", "ui/guard/users.py", "ui/session.py",  # before there is a page
    "adapters/data/ledger.py",  # of `atlas pairs`
    "adapters/study/", "adapters/train/against.py", "eval/bench/",
)  # fmt: skip
"""Files whose messages no page can show."""
TERMINAL_FUNCTIONS = {
    "ui/commands/adapters.py": ("show", "info", "check", "bring_in", "_row", "_facts"),
    "ui/commands/eval.py": ("show_all", "show", "_outside", "_language"),
    "ui/commands/index.py": ("list_", "info", "rollback", "delete", "_settings"),
}
"""Subcommands that no page runs."""
TERMINAL_TEXTS = re.compile(r"command line: --.*|it has none|.*\(layers \{\d\}\):")
"""Wrong options of the command line: a page has none to give; and pieces that are read apart though they never stand alone."""
RETURNED = {
    "adapters/canary.py": ("_wrong", "__str__"),
    "adapters/data/recipes/closed_book.py": ("make",),
    "adapters/data/recipes/context.py": ("_draft", "_answerable"),
    "adapters/card.py": ("problems",),
    "adapters/gate.py": ("_closed",),
    "adapters/methods/files.py": ("differences", "check_base"),
    "eval/cases/gold.py": ("missing_gold",),
    "rag/assistant.py": ("ready",),
    "rag/embed/embedder.py": ("describe",),
    "rag/generate/endpoint.py": ("waiting",),
    "rag/index/versions.py": ("clean", "prune"),
    "rag/ingest/tables.py": ("read_jsonl",),
    "rag/qa.py": ("_read_file", "pair_of", "_texts", "_gold", "_history"),
    "rag/serve/vllm.py": ("__str__",),
    "ui/verdicts.py": ("_costs", "_judged", "contrast"),
}
"""Functions whose texts get into messages made elsewhere."""
ARGUMENTS: Mapping[str, tuple[str, int, str]] = {
    "stages": ("progress", 0, ""),
    "own stages": ("_progress", 0, "adapters/"),
    "told lines": ("tell", 0, "eval/"),
    "told lines of training": ("tell", 0, "adapters/"),
    "own told lines": ("_tell", 0, "adapters/"),
    "ends of jobs": ("_end", 3, "ui/jobs/"),
    "skipped files": ("Problem", 1, "rag/ingest/"),
    "ways of serving": ("Decision", 1, "adapters/"),
    "passages left out": ("append", 0, "rag/context/pack.py"),
    "proofs of identity": ("Report", 4, "adapters/canary.py"),
    "what does not fit": ("__init__", 0, "rag/generate/failures.py"),
    "wrong values": ("ValueError", 0, "adapters/methods/"),
    "wrong pairs": ("ValueError", 0, "rag/qa.py"),
}
"""What else is said: the argument of a call, in files that begin so."""


@cache
def said() -> tuple[Said, ...]:
    """Every message once, where it is said first."""
    found: dict[str, Said] = {}
    for each in sources():
        if not each.name.startswith(TERMINAL):
            for one in _in(each):
                if not TERMINAL_TEXTS.fullmatch(one.template):
                    found.setdefault(one.template, one)
    return tuple(found.values())


def _in(file: Source) -> Iterator[Said]:
    reading = Reading(file)
    left_out = TERMINAL_FUNCTIONS.get(file.name, ())
    for call in calls(file, errors()):
        if (function := file.inside.get(call)) is None or function.name not in left_out:
            for argument in (*call.args, *(each.value for each in call.keywords)):
                reading.of(argument)
    yield from (each for each in reading.found if " " in each.template)  # one word is a name
    told = Reading(file)
    for name, number, begins in ARGUMENTS.values():
        if file.name.startswith(begins):
            for call in calls(file, [name]):
                if len(call.args) > number:
                    told.of(call.args[number])
    if file.name == "ui/verdicts.py" or file.name in [f"ui/commands/{name}.py" for name in COMMANDS]:
        for call in calls(file, ["print"]):
            if call.args and ((function := file.inside.get(call)) is None or function.name not in left_out):
                told.of(call.args[0])
    for name in RETURNED.get(file.name, ()):
        for function in file.functions[name]:
            told.returned(function)
    yield from told.found


@cache
def _choices() -> Mapping[str, Sequence[Mapping[int, str]]]:
    """Template -> the words that stand for some of its values, by their number."""
    from rag.serve.log import FIRST_STAGE, STAGES

    stages = _each(0, FIRST_STAGE, *(stage for _, stage in STAGES))
    kinds = _each(0, *_kinds())
    servers = _each(0, "model server", "model server of 'm1'")
    sides: Sequence[Mapping[int, str]] = [{0: "base", 2: "base"}, {0: "adapter", 2: "adapter"}]
    return {
        "No {0} is called '{1}'.": kinds,
        "The {0} '{1}' needs the module '{2}'.": kinds,
        "The {0}.": _each(0, f"model server is starting: {FIRST_STAGE} (5 of about 40 s)"),
        "The {0} is not running.": servers,
        "{0} is not running: start it with `{1}`": servers,
        "Cannot {0} the vectors in {1} ({2}).": _each(0, "read", "write"),
        "wrong extension? The content is not text{0}": _each(0, "", " (looks like v1)"),
        "{0} by {1}": _each(1, *get_args(Kind)),
        "model server: {0}": stages,
        "model server is starting: {0} ({1} s)": stages,
        "The model server died: {0}.": _each(0, *(what.format(model="m1", length=5) for what, _ in EXPLAINED.values())),
        "{0} Its log: {1}": _each(0, *(do for _, do in EXPLAINED.values())),
        "The {0} in {1} does not fit this base model ({2} mismatches, * = layers):\n{3}": _each(
            0, "'v1' adapter", "'v1' adapter for the base 'v2'"
        ),
        "{0}: the server was started without adapters.": _each(
            0, "The adapter 'v1' cannot be loaded", "The adapter 'v1' cannot be unloaded"
        ),
        "{0} cases {1} were left out": _each(1, "changed", "only in this run", "only in that run"),
        "{0} {1} p = {2} {3} {4} better, {5} equal, {6} worse of {7}": [
            {1: "+1 (-1 to +3)", 3: how} for how in ("found", "equivalent", "not found")
        ],
        "judge: agreement with people, kappa {0}, n = {1}": _each(0, "0.5", "not defined"),
        "a right answer costs, in {0}: {1}": _each(0, "v1", "seconds of this machine"),
        "the {0}'s route is nearer to the base ({1}) than to the {2} ({3})": sides[1:],
        "the {0}'s route is nearer to the adapter ({1}) than to the {2} ({3})": sides[:1],
        "the {0}'s route is {1} away from the {2}, more than {3}": sides,
        "the {0}'s route ({1} away) cannot be told from the base ({2} away)": _each(0, "adapter"),
        "the {0}'s route ({1} away) cannot be told from the adapter ({2} away)": _each(0, "base"),
        "step {0} of {1}: loss {2}, held-back loss {3}, held-back score {4} ({5})": _each(5, APART_SAID),
        "vLLM cannot load {0}": _each(0, "v1", "this method", *_titles()),
        "{0} ({1}, {2}): proven; distances: {3}": _each(3, f"routes 0.1, {SIDES}"),
        "It will be served {0}": _each(0, *(f"{way}: serve.adapters = {way}" for way in get_args(Route))),
    }


def _each(number: int, *words: str) -> list[Mapping[int, str]]:
    return [{number: word} for word in words]


def _titles() -> list[str]:
    """Names of the tuning methods that are words."""
    found = []
    for each in sources():
        for node in ast.walk(each.tree) if each.name.startswith("adapters/methods/") else ():
            match node:
                case ast.Assign(targets=[ast.Name(id="title")], value=ast.Constant(value=str(title))) if " " in title:
                    found.append(title)
    return found


def _kinds() -> list[str]:
    """Of the registries."""
    found = []
    for each in sources():
        for call in calls(each, ["Registry"]):
            reading = Reading(each)
            reading.of(call.args[0])
            found += [one.template for one in reading.found]
    return found


APART_SAID = "answerable: 1.0; wrongly refused: 2.0 %; rightly refused: 3.0 %"
SIDES = "base - base 0.1, base - adapter 0.1, adapter - adapter 0.1, adapter - base 0.1"


@dataclass(frozen=True, slots=True)
class Sample:
    """A message. `values`: names and numbers in it; `words`: words that stand for a value, which may be messages themselves."""

    text: str
    values: tuple[str, ...]
    words: tuple[str, ...]


def samples(template: str) -> list[Sample]:
    """One message of a template; several where a value is one of some words."""
    return [_sample(template, words) for words in _choices().get(template, [{}])]


def _sample(template: str, words: Mapping[int, str]) -> Sample:
    values = [f"v{number}" for number in range(holes(template))]
    text = template.format(*(words.get(number, value) for number, value in enumerate(values)))
    return Sample(text, tuple(value for number, value in enumerate(values) if number not in words), tuple(words.values()))


def holes(template: str) -> int:
    return sum(field is not None for _, field, _, _ in Formatter().parse(template))
