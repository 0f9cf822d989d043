"""The users file, and passwords compared with it."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from rag.errors import InputError
from ui.guard import users
from ui.guard.users import Users

PASSWORD = "correct horse"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """bcrypt's least work: what is tested here is not how slow it is."""
    monkeypatch.setattr(users, "ROUNDS", 4)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    users.add(tmp_path / "users.txt", "anna", PASSWORD)
    return tmp_path / "users.txt"


def test_the_right_password_is_admitted_and_nothing_else(file: Path) -> None:
    known = Users(file)
    assert known.admits("anna", PASSWORD)
    for name, password in (
        ("anna", "wrong"),
        ("anna", ""),
        ("anna", PASSWORD + " "),
        ("boris", PASSWORD),
        ("", PASSWORD),
        ("Anna", PASSWORD),
    ):
        assert not known.admits(name, password)


def test_a_name_that_is_not_there_takes_as_long_as_a_wrong_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "ROUNDS", 9)
    users.add(tmp_path / "users.txt", "anna", PASSWORD)
    known = Users(tmp_path / "users.txt")

    def least(name: str) -> float:
        best = float("inf")
        for _ in range(5):
            began = time.process_time()
            known.admits(name, "wrong password")
            best = min(best, time.process_time() - began)
        return best

    assert least("nobody") > 0.5 * least("anna")


def test_no_password_is_in_the_file_and_only_its_owner_reads_it(file: Path) -> None:
    assert PASSWORD not in file.read_text(encoding="utf-8")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    users.add(file, "boris", "another password")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert os.listdir(file.parent) == [file.name]


def test_whoever_is_removed_or_has_a_new_password_is_seen_at_once(file: Path) -> None:
    users.add(file, "boris", "another password")
    known = Users(file)
    assert known.admits("boris", "another password")
    users.add(file, "boris", "a third password")
    assert not known.admits("boris", "another password")
    assert known.admits("boris", "a third password")
    users.remove(file, "boris")
    assert not known.admits("boris", "a third password")
    with pytest.raises(InputError, match="boris"):
        users.remove(file, "boris")


@pytest.mark.parametrize("name", ["", "a:b", "a b", "a\nb", "x" * 65, "<b>", "a/b"])
def test_a_name_that_would_break_the_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError):
        users.add(tmp_path / "users.txt", name, PASSWORD)


@pytest.mark.parametrize("password", ["", "short", "x" * 73, "й" * 37])
def test_a_password_that_is_too_short_or_longer_than_bcrypt_reads_is_refused(tmp_path: Path, password: str) -> None:
    with pytest.raises(InputError, match="password"):
        users.add(tmp_path / "users.txt", "anna", password)


def test_what_follows_after_72_bytes_is_not_ignored(tmp_path: Path) -> None:
    users.add(tmp_path / "users.txt", "anna", "x" * 72)
    known = Users(tmp_path / "users.txt")
    assert known.admits("anna", "x" * 72)
    assert not known.admits("anna", "x" * 73)


def test_both_spellings_of_a_letter_are_one(tmp_path: Path) -> None:
    users.add(tmp_path / "users.txt", "андрей", "пароль-й-пароль")
    assert Users(tmp_path / "users.txt").admits("андрей", "пароль-\u0438\u0306-пароль")


def test_every_damaged_line_is_named(tmp_path: Path) -> None:
    users.add(tmp_path / "users.txt", "anna", PASSWORD)
    good = (tmp_path / "users.txt").read_text(encoding="utf-8")
    (tmp_path / "users.txt").write_text(f"# people\n\nplain:text\n{good}anna\n", encoding="utf-8")
    with pytest.raises(InputError, match="lines 3, 5"):
        Users(tmp_path / "users.txt").all()


def test_a_missing_file_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="atlas users add"):
        Users(tmp_path / "none.txt").all()
