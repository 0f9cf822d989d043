"""`atlas index`: exit codes, what is printed, and where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ui.cli import run


class Atlas:
    """Runs `atlas` in this process with a home of its own and the embedder that needs no model."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.home = home
        self.capsys = capsys

    def __call__(self, *arguments: object) -> tuple[int, str, str]:
        code = run(["--home", str(self.home), "--set", "embed.backend=hash", "index", *map(str, arguments)])
        said = self.capsys.readouterr()
        return code, said.out, said.err

    def json(self, *arguments: object) -> Any:
        return json.loads(self(*arguments, "--json")[1])


@pytest.fixture
def atlas(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Atlas:
    return Atlas(tmp_path / "home", capsys)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "lora.md").write_text("# LoRA\n\nLoRA trains two small matrices beside a frozen weight.\n", encoding="utf-8")
    (folder / "rag.md").write_text("# RAG\n\nRetrieval puts passages of an index into the prompt.\n", encoding="utf-8")
    return folder


def test_all_well_is_exit_code_zero_and_says_what_was_made(atlas: Atlas, corpus: Path) -> None:
    code, out, _ = atlas("build", corpus)
    assert code == 0
    assert "is live, 2 chunks of 2 documents (2 embedded, 0 known" in out
    code, out, _ = atlas("build", corpus)
    assert code == 0
    assert "is up to date" in out


def test_skipped_files_are_named_and_the_exit_code_is_three(atlas: Atlas, corpus: Path) -> None:
    (corpus / "empty.md").write_bytes(b"")
    (corpus / "broken.pdf").write_bytes(b"no pdf at all")
    code, out, err = atlas("build", corpus)
    assert code == 3
    assert "skipped empty.md: " in err
    assert "skipped broken.pdf: " in err
    assert "2 files skipped" in out
    assert atlas("info")[0] == 0


def test_a_missing_folder_is_exit_code_two_and_one_line(atlas: Atlas, tmp_path: Path) -> None:
    code, out, err = atlas("build", tmp_path / "nowhere")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1


def test_list_info_rollback_and_delete(atlas: Atlas, corpus: Path) -> None:
    atlas("build", corpus)
    (corpus / "new.md").write_text("A third document about walruses.", encoding="utf-8")
    atlas("build", corpus)
    first, second = atlas.json("list")
    assert [row["live"] for row in (first, second)] == [False, True]
    assert first["version"] in atlas("list")[1]
    assert atlas.json("info")["documents"] == 3
    assert atlas.json("info", first["version"])["documents"] == 2
    assert first["version"] in atlas("rollback")[1]
    assert [row["live"] for row in atlas.json("list")] == [True, False]
    assert atlas("delete", first["version"], "--yes")[0] == 2
    assert atlas("delete", second["version"], "--yes")[0] == 0
    assert atlas("delete", "--yes")[0] == 0
    assert atlas.json("list") == []


def test_the_report_as_json(atlas: Atlas, corpus: Path) -> None:
    report = atlas.json("build", corpus)
    assert (report["documents"], report["embedded"], report["problems"], report["unchanged"]) == (2, 2, [], False)


def test_a_name_makes_an_index_of_its_own(atlas: Atlas, corpus: Path) -> None:
    atlas("build", corpus, "--name", "other")
    assert [row["index"] for row in atlas.json("list")] == ["other"]
    assert atlas("info")[0] == 2
    assert atlas("info", "--name", "other")[0] == 0
    code, _, err = atlas("build", corpus, "--name", "../x")
    assert code == 2
    assert "--name '../x'" in err


def test_a_version_that_is_not_there_is_one_line(atlas: Atlas, corpus: Path) -> None:
    atlas("build", corpus)
    for command in ("rollback", "delete", "info"):
        code, _, err = atlas(command, "19990101", *(["--yes"] if command == "delete" else []))
        assert code == 2
        assert "19990101" in err
        assert err.count("\n") == 1
