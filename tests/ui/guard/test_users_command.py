"""`atlas users` as a person runs it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ui.cli import load, run
from ui.guard import users
from ui.guard.users import Users


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(users, "ROUNDS", 4)


def add(name: str, *passwords: str) -> tuple[int, str]:
    """Exit code and what was said; the passwords are typed one after the other."""
    import ui.commands.users as command

    result = CliRunner().invoke(command.app, ["add", name, "--file", "users.txt"], input="".join(f"{each}\n" for each in passwords))
    return result.exit_code, result.output


def test_a_password_is_asked_for_twice_and_never_shown(tmp_path: Path) -> None:
    code, said = add("anna", "correct horse", "correct horse")
    assert code == 0 and "correct horse" not in said and "anna may log in" in said
    file = tmp_path / "users.txt"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert Users(file).admits("anna", "correct horse")


def test_two_passwords_that_differ_are_asked_for_again(tmp_path: Path) -> None:
    code, _ = add("anna", "correct horse", "wrong horse", "battery staple", "battery staple")
    assert code == 0
    assert Users(tmp_path / "users.txt").admits("anna", "battery staple")


def test_who_may_log_in_is_listed_and_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("boris", "anna"):
        users.add(tmp_path / "users.txt", name, "correct horse")
    assert run(["--set", "ui.users=users.txt", "users", "list"]) == 0
    assert capsys.readouterr().out.split() == ["anna", "boris"]
    assert run(["--set", "ui.users=users.txt", "users", "remove", "anna"]) == 0
    assert "anna may not log in any more" in capsys.readouterr().err
    assert run(["--set", "ui.users=users.txt", "users", "remove", "anna"]) == 2
    assert "There is no user 'anna'" in capsys.readouterr().err


def test_without_a_file_one_line_says_where_to_set_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["users", "list"]) == 2
    said = capsys.readouterr().err
    assert "ui.users" in said and len(said.strip().splitlines()) == 1


def test_the_command_is_in_the_table() -> None:
    assert load("users").help
