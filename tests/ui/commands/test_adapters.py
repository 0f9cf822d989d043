"""`atlas adapters` as a person or a script runs it: a tiny base, the scripted generator where no weights have to answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adapters.tiny import save_tiny
from rag.generate import routes
from rag.settings import Settings
from tests.adapters.made import make_adapter, tiny_settings
from ui.cli import run
from ui.session import loaded


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("tiny") / "base")


@pytest.fixture
def settings(base: Path, tmp_path: Path) -> Settings:
    made = tiny_settings(base, tmp_path / "home", backend="scripted")
    make_adapter("one", made)
    return made


def atlas(settings: Settings, *arguments: str) -> int:
    loaded.cache_clear()
    sets = [f"generate.model={settings.generate.model}", "models.hub=false", f"generate.backend={settings.generate.backend}"]
    return run(["--home", str(settings.home), *(word for pair in sets for word in ("--set", pair)), "adapters", *arguments])


def test_a_home_without_adapters_says_how_to_make_one(settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = settings.model_copy(update={"home": tmp_path / "empty"})
    assert atlas(empty, "list", "--json") == 0
    if json.loads(capsys.readouterr().out) == []:  # otherwise some ship with Atlas
        assert atlas(empty, "list") == 0 and "atlas train" in capsys.readouterr().out


def test_an_adapter_is_listed_loaded_checked_unloaded_and_deleted(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert atlas(settings, "load", "one", "--json") == 0
    row = json.loads(capsys.readouterr().out)
    assert row["adapter"] == "one" and row["way"] == "vllm" and routes.read(settings.home)["one"].sha256 == row["sha256"]
    assert atlas(settings, "list", "--json") == 0
    listed = {each["name"]: each for each in json.loads(capsys.readouterr().out)}["one"]
    assert listed["method"] == "lora" and listed["sha256"] == row["sha256"] and listed["state"] == "loaded (vllm)"
    assert atlas(settings, "check", "one") == 0 and "proven" in capsys.readouterr().out
    assert atlas(settings, "delete", "one", "--yes") == 2 and "Unload it first" in capsys.readouterr().err
    assert atlas(settings, "unload", "one") == 0 and "is unloaded" in capsys.readouterr().out
    assert atlas(settings, "unload", "one") == 0 and "was not loaded" in capsys.readouterr().out
    assert atlas(settings, "check", "one") == 2 and "is not loaded" in capsys.readouterr().err
    assert atlas(settings, "delete", "one", "--yes") == 0
    assert atlas(settings, "info", "one") == 2 and "There is no adapter 'one'" in capsys.readouterr().err


def test_info_reads_the_card_to_the_user(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert atlas(settings, "info", "one") == 0
    shown = capsys.readouterr().out
    for words in ("adapter:", "weights:", "sha256", "base:", "revision", "method:", "lora", "routes:", "vllm, merged, in-process", "here:"):
        assert words in shown
    assert atlas(settings, "info", "one", "--json") == 0
    assert json.loads(capsys.readouterr().out)["card"]["name"] == "one"


def test_info_says_why_an_adapter_cannot_be_served_here(settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tiny_settings(save_tiny(tmp_path / "other", seed=5), settings.home, backend="transformers")
    assert atlas(other, "info", "one") == 0
    assert "cannot be: it was trained on" in capsys.readouterr().out
    assert atlas(other, "load", "one") == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_merge_writes_a_model_folder(settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    real = settings.model_copy(update={"generate": settings.generate.model_copy(update={"backend": "vllm"})})
    assert atlas(real, "merge", "one", "--to", str(tmp_path / "copy"), "--json") == 0
    row = json.loads(capsys.readouterr().out)
    assert row["path"] == str(tmp_path / "copy") and (tmp_path / "copy" / "config.json").is_file() and row["agreement"]["mean"] < 0.3
    assert atlas(real, "merge", "one", "--to", str(tmp_path / "copy")) == 2 and "exists already" in capsys.readouterr().err


def test_export_and_import_are_inverse(settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert atlas(settings, "export", "one", str(tmp_path / "out")) == 0
    assert atlas(settings, "import", str(tmp_path / "out"), "--name", "two") == 0
    assert "atlas adapters load two" in capsys.readouterr().out
    assert atlas(settings, "load", "two") == 0
    assert atlas(settings, "import", str(tmp_path / "out"), "--name", "two") == 2
    assert atlas(settings, "import", str(tmp_path / "nowhere")) == 2
    assert all(len(line) < 400 for line in capsys.readouterr().err.splitlines())


@pytest.mark.parametrize("arguments", [["load", "nosuch"], ["merge", "../etc"], ["info", ""], ["export", "x", "y"], ["unload", "A B"]])
def test_a_wrong_name_is_one_line(settings: Settings, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert atlas(settings, *arguments) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
