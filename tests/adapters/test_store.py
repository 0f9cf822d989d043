"""Where adapters lie: found by name only, never outside their folders, written whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import store
from rag.errors import InputError


def put(home: Path, name: str, weights: bytes = b"weights") -> Path:
    with store.written(name, home) as folder:
        (folder / "adapter_model.safetensors").write_bytes(weights)
        (folder / store.CONFIG).write_text("{}")
        (folder / store.CARD).write_text("{}")
    return home / "adapters" / name


@pytest.fixture(autouse=True)
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(store, "SHIPPED", tmp_path / "shipped")
    return tmp_path / "shipped"


@given(name=st.one_of(st.text(max_size=20), st.from_regex(r"[a-z0-9./~\\-]{1,12}", fullmatch=True)))
def test_a_name_never_leads_out_of_the_folder(name: str) -> None:
    try:
        store.check_name(name)
    except InputError:
        return
    assert (Path("/home/adapters") / name).resolve().parent == Path("/home/adapters") and len(Path(name).parts) == 1


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "A", "a" * 65, "/etc", "x\n"])
def test_a_name_that_is_none_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be an adapter's name"):
        store.find(name, tmp_path)


def test_an_unknown_adapter_is_answered_with_those_that_are_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is none yet"):
        store.find("x", tmp_path)
    put(tmp_path, "one")
    with pytest.raises(InputError, match="There are: one"):
        store.find("x", tmp_path)


def test_a_link_to_elsewhere_is_no_adapter(tmp_path: Path) -> None:
    elsewhere = put(tmp_path / "other", "real")
    (tmp_path / "adapters").mkdir()
    (tmp_path / "adapters" / "link").symlink_to(elsewhere)
    assert store.names(tmp_path) == []


def test_the_sha256_is_of_the_weights_alone(tmp_path: Path) -> None:
    one, same, other = put(tmp_path, "one"), put(tmp_path, "same"), put(tmp_path, "other", b"others")
    (same / store.CARD).write_text('{"changed": true}')
    assert store.weights_sha256(one) == store.weights_sha256(same) != store.weights_sha256(other)


def test_a_folder_that_fails_half_way_leaves_the_old_one(tmp_path: Path) -> None:
    folder = put(tmp_path, "one")
    with pytest.raises(RuntimeError), store.written("one", tmp_path) as place:
        (place / "adapter_model.safetensors").write_bytes(b"half")
        raise RuntimeError("killed")
    assert (folder / "adapter_model.safetensors").read_bytes() == b"weights" and [path.name for path in folder.parent.iterdir()] == ["one"]


def test_training_again_replaces_the_adapter(tmp_path: Path) -> None:
    put(tmp_path, "one")
    assert (put(tmp_path, "one", b"new") / "adapter_model.safetensors").read_bytes() == b"new"
    assert store.names(tmp_path) == ["one"]


def test_an_adapter_without_weights_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no weights"), store.written("one", tmp_path) as place:
        (place / store.CONFIG).write_text("{}")
    assert store.names(tmp_path) == []


def test_a_shipped_adapter_is_found_and_never_deleted(tmp_path: Path, shipped: Path) -> None:
    put(tmp_path / "elsewhere", "default").rename(shipped.with_name("moved"))
    shipped.mkdir()
    shipped.with_name("moved").rename(shipped / "default")
    assert store.find("default", tmp_path).shipped and store.names(tmp_path) == ["default"]
    with pytest.raises(InputError, match="ships with Atlas"):
        store.delete("default", tmp_path)
    put(tmp_path, "default")
    assert not store.find("default", tmp_path).shipped, "one's own goes first"
    store.delete("default", tmp_path)
    assert store.find("default", tmp_path).shipped


def test_an_exported_adapter_comes_back_the_same_and_without_pickles(tmp_path: Path) -> None:
    folder = put(tmp_path, "one")
    (folder / "training_args.bin").write_bytes(b"a pickle")
    out = store.export("one", tmp_path, tmp_path)
    assert out == tmp_path / "one" and not (out / "training_args.bin").exists()
    (out / "optimizer.pt").write_bytes(b"a pickle")
    stored = store.bring(out, tmp_path / "second", name="again")
    assert stored.sha256 == store.find("one", tmp_path).sha256
    assert sorted(path.name for path in stored.folder.iterdir()) == [store.CONFIG, "adapter_model.safetensors", store.CARD]
    with pytest.raises(InputError, match="exists already"):
        store.export("one", tmp_path, tmp_path)
    with pytest.raises(InputError, match="there already"):
        store.bring(out, tmp_path / "second", name="again")


def test_an_import_of_something_else_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / store.CONFIG).write_text(json.dumps({}))
    with pytest.raises(InputError, match=r"card\.json missing"):
        store.bring(tmp_path, tmp_path / "home", name="x")
