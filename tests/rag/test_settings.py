"""Settings: precedence, origins, and every problem at once."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rag.configure import load
from rag.errors import SettingsError
from rag.settings import PROFILES, Settings, fields, template

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ("command line", "environment", "file", "profile")


def settings_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "atlas.toml"
    path.write_text(text, encoding="utf-8")
    return path


@given(present=st.sets(st.sampled_from(LAYERS)))
def test_the_highest_source_that_names_a_key_wins(present: set[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    text = 'generate.model = "from-file"\n' if "file" in present else ""
    file = settings_file(tmp_path_factory.mktemp("s"), text + ('profile = "tiny"\n' if "profile" in present else ""))
    loaded = load(
        file=file,
        overrides={"generate.model": "from-command-line"} if "command line" in present else {},
        environ={"ATLAS_GENERATE__MODEL": "from-environment"} if "environment" in present else {},
    )
    origins = {"command line": "command line", "environment": "environment", "file": str(file), "profile": "profile tiny"}
    values = {
        "command line": "from-command-line",
        "environment": "from-environment",
        "file": "from-file",
        "profile": PROFILES["tiny"]["generate"]["model"],
    }
    winner = next((layer for layer in LAYERS if layer in present), None)
    assert loaded.settings.generate.model == (values[winner] if winner else Settings().generate.model)
    assert loaded.origin("generate.model") == (origins[winner] if winner else "default")


def test_sources_are_merged_key_by_key_not_section_by_section(tmp_path: Path) -> None:
    file = settings_file(tmp_path, "[retrieve]\ntop_k = 3\ncandidates = 20\n")
    loaded = load(file=file, overrides={"retrieve.top_k": "5"}, environ={})
    assert (loaded.settings.retrieve.top_k, loaded.settings.retrieve.candidates) == (5, 20)


def test_every_problem_of_every_source_is_reported_at_once(tmp_path: Path) -> None:
    file = settings_file(tmp_path, "colour = 1\n[retrieve]\ntopk = 3\n[ui]\nport = 99999\n[nosuch]\nx = 1\n")
    with pytest.raises(SettingsError) as caught:
        load(file=file, overrides={"generate.temperature": "hot"}, environ={"ATLAS_INGEST__CHUNK_TOKEN": "5"})
    text = str(caught.value)
    for part in (
        "'colour'",
        "'retrieve.topk'",
        "ui.port = 99999",
        "'nosuch.x'",
        "generate.temperature = 'hot'",
        "ATLAS_INGEST__CHUNK_TOKEN",
    ):
        assert part in text
    assert len(caught.value.problems) == 6
    assert "Did you mean 'retrieve.top_k'?" in text and "Did you mean ATLAS_INGEST__CHUNK_TOKENS?" in text


def test_a_problem_names_the_source_it_comes_from(tmp_path: Path) -> None:
    file = settings_file(tmp_path, "[ui]\nport = 0\n")
    with pytest.raises(SettingsError) as caught:
        load(file=file, overrides={"retrieve.top_k": "0"}, environ={"ATLAS_THREADS": "-1"})
    assert sorted(problem.split(":")[0] for problem in caught.value.problems) == sorted([str(file), "command line", "environment"])


@pytest.mark.parametrize("content", [b"[retrieve\n", b"\xff\xfe\x00", b"ingest = 3\n", b'retrieve = "many"\n'])
def test_a_broken_file_is_one_readable_problem(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "atlas.toml"
    file.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        load(file=file, environ={})
    assert len(caught.value.problems) == 1 and str(file) in caught.value.problems[0]


def test_a_settings_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such settings file"):
        load(file=tmp_path / "missing.toml", environ={})


def test_without_a_file_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(environ={}).settings == Settings()


@pytest.mark.parametrize("text", ["a, b", '["a", "b"]'])
def test_a_list_is_given_with_commas_or_as_json(text: str) -> None:
    assert load(file=ROOT / "atlas.toml", overrides={"ingest.ignore": text}, environ={}).settings.ingest.ignore == ("a", "b")


def test_a_list_that_is_not_json_is_a_problem_not_a_crash() -> None:
    with pytest.raises(SettingsError, match=r"command line: ingest\.ignore"):
        load(file=ROOT / "atlas.toml", overrides={"ingest.ignore": "[a"}, environ={})


def test_a_variable_that_is_not_ours_is_left_alone() -> None:
    load(file=ROOT / "atlas.toml", environ={"ATLASSIAN_TOKEN": "x", "ATLAS_CONFIG": "elsewhere.toml", "PATH": ""})


def test_settings_are_frozen_and_refuse_unknown_keys() -> None:
    with pytest.raises(ValidationError):
        Settings().home = Path("elsewhere")  # type: ignore[misc]
    with pytest.raises(ValidationError):
        Settings.model_validate({"retrieve": {"topk": 3}})


def test_a_tilde_in_a_folder_is_the_users_home() -> None:
    assert load(file=ROOT / "atlas.toml", overrides={"home": "~/atlas"}, environ={}).settings.home == Path.home() / "atlas"


def test_every_key_has_a_description_and_every_profile_only_known_keys() -> None:
    known = fields()
    assert [key for key, (_, description) in known.items() if not description.endswith(".") and ":" not in description] == []
    assert {f"{section}.{key}" for profile in PROFILES.values() for section, keys in profile.items() for key in keys} <= known.keys()


def test_the_shipped_file_is_the_template_so_every_key_is_there_with_its_default_and_description() -> None:
    assert (ROOT / "atlas.toml").read_text(encoding="utf-8") == template(), "run: atlas config --toml > atlas.toml"


def test_the_template_with_every_key_uncommented_means_the_defaults(tmp_path: Path) -> None:
    keys = {key.partition(".")[2] or key for key in fields()}
    lines = [line[2:] if line.startswith("# ") and line[2:].split(" = ")[0] in keys else line for line in template().splitlines()]
    text = "\n".join(lines)
    assert sum(len(value) if isinstance(value, dict) else 1 for value in tomllib.loads(text).values()) == len(fields())
    assert load(file=settings_file(tmp_path, text), environ={}).settings == Settings()


def test_no_key_asks_for_a_secret() -> None:
    secrets = re.compile("password|token(?!izer)|secret|api_key")
    flat: dict[str, Any] = {key: value for key, (value, _) in fields().items() if secrets.search(key)}
    assert [key for key, value in flat.items() if isinstance(value, str)] == ["generate.api_key_env"]
