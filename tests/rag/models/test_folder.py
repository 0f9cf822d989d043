"""From names to folders, the catalogue, and the manifest that `atlas models verify` reads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rag.errors import ModelError
from rag.models import manifest
from rag.models.catalogue import catalogue, find
from rag.models.folder import resolve
from rag.models.wanted import wanted
from rag.settings import PROFILES, Settings


def local(folder: Path, weights: bytes = b"w") -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}", encoding="utf-8")
    (folder / "model.safetensors").write_bytes(weights)
    return folder


def test_a_model_that_is_not_here_names_the_command_that_fetches_it(settings: Settings) -> None:
    with pytest.raises(ModelError, match="atlas models fetch multilingual-e5-small"):
        resolve("multilingual-e5-small", settings, fetch=False)


def test_a_misspelt_name_is_answered_with_the_nearest(settings: Settings) -> None:
    with pytest.raises(ModelError, match="Did you mean 'multilingual-e5-small'"):
        resolve("multilingual-e5-smal", settings)


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere/at/all", "~/nowhere-at-all", "no such model", ""])
def test_a_folder_that_is_not_there_is_not_looked_for_on_the_hub(name: str, settings: Settings) -> None:
    if name == "":
        with pytest.raises(ModelError):
            resolve(name, settings)
        return
    with pytest.raises(ModelError, match="There is no model"):
        resolve(name, settings)


def test_a_folder_is_used_where_it_is(tmp_path: Path, settings: Settings) -> None:
    folder = local(tmp_path / "mine")
    found = resolve(str(folder), settings)
    assert found.path == folder and re.fullmatch("[0-9a-f]{16}", found.revision)


def test_the_revision_of_a_folder_follows_its_weights_not_its_place(tmp_path: Path, settings: Settings) -> None:
    one, same, other = local(tmp_path / "a"), local(tmp_path / "b"), local(tmp_path / "c", b"other")
    revisions = [resolve(str(folder), settings).revision for folder in (one, same, other)]
    assert revisions[0] == revisions[1] != revisions[2]
    (one / "model.safetensors").write_bytes(b"changed since")
    assert resolve(str(one), settings).revision != revisions[0]


def test_a_folder_without_weights_is_refused(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"needs config.json and weights"):
        resolve(str(tmp_path / "empty"), settings)


def test_a_hub_id_without_a_way_to_the_hub_says_what_can_be_done(settings: Settings) -> None:
    with pytest.raises(ModelError, match=r"models.hub is off"):
        resolve("someone/model", settings)
    with pytest.raises(ModelError, match="cannot be reached for 'someone/model'"):
        resolve("someone/model", Settings.model_validate({**settings.model_dump(), "models": {"hub": True}}))


def test_the_hubs_name_of_a_catalogue_model_means_that_model() -> None:
    entry = find("Qwen/Qwen2.5-Coder-0.5B-Instruct")
    assert entry is not None and entry.name == "qwen2.5-coder-0.5b-instruct"


def test_every_entry_of_the_catalogue_can_be_checked() -> None:
    for entry in catalogue().values():
        assert entry.sources[0].hub and entry.sources[-1].packages, entry.name
        for source in entry.sources:
            digests = [package.sha256 for package in source.packages] + ([source.sha256] if source.packages else [])
            assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in digests), entry.name


def test_the_models_of_every_profile_are_in_the_catalogue() -> None:
    for profile in PROFILES.values():
        settings = Settings.model_validate(profile)
        assert [name for name in wanted(settings) if find(name) is None] == []


def test_only_models_that_run_here_are_wanted() -> None:
    settings = Settings.model_validate({"generate": {"backend": "openai", "model": "theirs"}, "embed": {"backend": "hash"}})
    assert wanted(settings) == []


def test_verify_names_what_is_missing_and_what_changed_with_both_hashes(tmp_path: Path) -> None:
    folder = local(tmp_path / "m")
    manifest.write(folder, {"name": "m", "revision": "r"})
    assert manifest.verify(folder) == []
    recorded = manifest.read(folder)["files"]["model.safetensors"]["sha256"]
    (folder / "model.safetensors").write_bytes(b"x")
    (folder / "config.json").unlink()
    missing, changed = manifest.verify(folder)
    assert "config.json is missing" in missing
    assert recorded in changed and manifest.sha256(folder / "model.safetensors") in changed


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"files": 3, "revision": "x"}', "\x00"])
def test_a_broken_manifest_is_one_line(tmp_path: Path, content: str) -> None:
    folder = local(tmp_path / "m")
    (folder / manifest.FILE).write_text(content, encoding="utf-8")
    with pytest.raises(ModelError, match="fetch the model again"):
        manifest.verify(folder)
