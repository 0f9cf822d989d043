"""Who may import whom, and that `atlas --help` stays light."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ALLOWED = {"rag": {"rag"}, "adapters": {"adapters", "rag"}, "eval": {"eval", "rag"}, "ui": {"ui", "rag", "adapters", "eval"}}
HEAVY = ["torch", "transformers", "sentence_transformers", "faiss", "chromadb", "llama_index", "langchain", "langchain_core", "gradio"]
HEAVY += ["matplotlib", "peft", "trl", "datasets", "scipy", "statsmodels", "numpy", "pydantic", "httpx", "huggingface_hub", "tokenizers"]
FORBIDDEN_NAMES = {"utils", "common", "helpers", "base", "manager", "core"}


def modules() -> list[Path]:
    return [path for layer in ALLOWED for path in sorted((ROOT / layer).rglob("*.py"))]


def imported(path: Path) -> Iterator[str]:
    """Every absolute module name that is imported anywhere in the file, inside functions as well."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def top_level(path: Path) -> Iterator[str]:
    """What is imported when the module is (not what only a type checker sees)."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("layer", ALLOWED)
def test_a_layer_imports_only_the_layers_below_it(layer: str) -> None:
    wrong = [
        f"{name(path)} imports {module}"
        for path in sorted((ROOT / layer).rglob("*.py"))
        for module in imported(path)
        if module.split(".")[0] in ALLOWED and module.split(".")[0] not in ALLOWED[layer]
    ]
    assert not wrong


def test_only_ui_prints_or_configures_logging() -> None:
    wrong = []
    for path in modules():
        if path.is_relative_to(ROOT / "ui"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                if called in ("print", "logging.basicConfig"):
                    wrong.append(f"{name(path)}:{node.lineno} calls {called}")
    assert not wrong


def test_nothing_is_pickled() -> None:
    pickles = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve"}
    assert not [f"{name(path)} imports {module}" for path in modules() for module in imported(path) if module.split(".")[0] in pickles]


def test_files_are_named_for_what_they_are_and_short() -> None:
    named = [name(path) for path in modules() if path.stem in FORBIDDEN_NAMES]
    long = [name(path) for path in modules() if len(path.read_text(encoding="utf-8").splitlines()) > 400]
    assert not named and not long


def test_the_first_line_of_a_module_says_what_it_is() -> None:
    assert not [name(path) for path in modules() if not path.read_text(encoding="utf-8").startswith('"""')]


def test_the_modules_that_every_command_imports_are_light() -> None:
    """No library of any weight at the top of `rag`'s own vocabulary."""
    for file in ("types.py", "errors.py", "progress.py", "registry.py", "models/tokenizer.py"):
        assert not {module.split(".")[0] for module in top_level(ROOT / "rag" / file)} & set(HEAVY)


HELP = "import sys; sys.argv = ['atlas', '--help']\ntry:\n    from ui.cli import main; main()\nexcept SystemExit: pass\n"


def test_help_imports_no_heavy_module() -> None:
    probe = HELP + f"print('LOADED', [m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.rstrip().endswith("LOADED []")


def test_help_costs_under_half_a_second_more_than_python_itself() -> None:
    """In processor time, which other work on the machine does not change; nothing in --help waits."""

    def best_of(code: str) -> float:
        times = []
        for _ in range(3):
            before = os.times()
            subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=ROOT, check=True)
            after = os.times()
            times.append(after.children_user + after.children_system - before.children_user - before.children_system)
        return min(times)

    assert best_of(HELP) - best_of("pass") < 0.5
