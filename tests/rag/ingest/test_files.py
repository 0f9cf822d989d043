"""The walk over a folder, and opening files without hanging."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rag.errors import InputError
from rag.ingest.files import Unreadable, read_bytes, walk
from rag.ingest.folder import Ingested

Write = Callable[..., Path]


def test_files_come_in_the_same_order_on_every_machine(folder: Path, write: Write) -> None:
    for name in ("b.md", "a/z.md", "a.md", "Ä.md", "a/b/c.md"):
        write(name)
    assert walk(folder).paths == ("a/b/c.md", "a/z.md", "a.md", "b.md", "Ä.md")


def test_hidden_files_caches_and_binaries_are_ignored_and_a_licence_is_not(folder: Path, write: Write) -> None:
    for name in (".hidden.md", ".git/config", "node_modules/x/readme.md", "a/__pycache__/x.pyc", "photo.JPG", "weights.safetensors"):
        write(name)
    write("LICENSE")
    found = walk(folder)
    assert found.paths == ("LICENSE",)
    assert found.ignored == 6 and not found.problems


def test_patterns_follow_gitignore_and_the_last_word_wins(folder: Path, write: Write) -> None:
    for name in ("keep.txt", "drop.txt", "logs/a.txt", "deep/logs/b.txt", "deep/only.txt", "deep/back.txt"):
        write(name)
    write(".atlasignore", "drop.txt\nlogs/\n# a comment\n")
    write("deep/.atlasignore", "/only.txt\n!back.txt\n")
    assert walk(folder, ["back.txt"]).paths == ("deep/back.txt", "keep.txt")


def test_links_that_leave_the_folder_are_named_and_not_followed(folder: Path, write: Write, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "outside").mkdir()
    (folder / "leak.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "leak").symlink_to(tmp_path / "outside")
    (folder / "dangling.md").symlink_to(folder / "nothing.md")
    write("real.md")
    (folder / "again").symlink_to(folder)  # a circle
    (folder / "same.md").symlink_to(folder / "real.md")
    found = walk(folder)
    assert found.paths == ("real.md", "same.md")
    assert {problem.path: problem.what for problem in found.problems} == {
        "leak": "link that leaves the folder; not followed",
        "leak.txt": "link that leaves the folder; not followed",
        "dangling.md": "link to a file that does not exist",
    }


@pytest.mark.timeout(20)
def test_a_fifo_never_blocks(folder: Path, write: Write, ingest: Callable[..., Ingested]) -> None:
    os.mkfifo(folder / "pipe.txt")
    write("good.txt")
    found = ingest()
    assert [problem.path for problem in found.problems] == ["pipe.txt"] and len(found.documents) == 1
    with pytest.raises(Unreadable, match="not a regular file"):
        read_bytes(folder / "pipe.txt", 1)


def test_a_folder_named_like_a_file_is_a_folder(folder: Path, write: Write) -> None:
    write("x.md/inside.txt")
    assert walk(folder).paths == ("x.md/inside.txt",)
    with pytest.raises(Unreadable):
        read_bytes(folder / "x.md", 1)


def test_a_file_over_the_limit_is_not_read_into_memory(folder: Path) -> None:
    with (folder / "huge.txt").open("wb") as stream:
        stream.truncate(200 * 2**20)
    with pytest.raises(Unreadable, match="too large: 200 MB"):
        read_bytes(folder / "huge.txt", 50)


def test_a_name_that_is_not_utf8_is_a_problem_that_can_be_shown(folder: Path, write: Write) -> None:
    write("good.txt")
    (Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.txt"))).write_text("x")
    (problem,) = walk(folder).problems
    assert "UTF-8" in problem.what and problem.path.encode()


def test_a_folder_that_is_missing_or_a_file_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        walk(tmp_path / "nothing")
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="is a file"):
        walk(tmp_path / "file")


def test_a_folder_without_anything_to_index_says_what_was_wrong(folder: Path, write: Write, ingest: Callable[..., Ingested]) -> None:
    write("empty.md", b"")
    with pytest.raises(InputError, match=r"empty\.md: empty file"):
        ingest()
