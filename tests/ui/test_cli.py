"""The frame of the command line: options, exit codes, errors in one line, and the commands models, config and doctor."""

from __future__ import annotations

import importlib.util
import json
import re
import socket
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.console import Console

from rag.errors import RunError, UserError
from rag.models import manifest
from rag.settings import Settings, fields
from ui import cli, console
from ui.checks import CHECKS, index, ports, server
from ui.console import PlainLines, pace
from ui.session import loaded

BUILT = [name for name in cli.COMMANDS if importlib.util.find_spec(f"ui.commands.{name}")]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands run in an empty folder."""
    monkeypatch.chdir(tmp_path)


def test_every_command_in_the_table_exists() -> None:
    assert list(cli.COMMANDS) == BUILT


@pytest.mark.parametrize("name", BUILT)
def test_the_table_shows_the_help_line_of_the_command_itself(name: str) -> None:
    command: Any = cli.load(name)
    assert (command.help or "").strip().splitlines()[0].startswith(cli.COMMANDS[name].rstrip("."))


@pytest.mark.parametrize("name", BUILT)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([name, "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Usage: atlas")
    assert "..." not in shown.partition("\nCommands:\n")[2]  # a first sentence that does not fit is cut


def test_help_shows_the_names_of_sections(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["pairs", "make", "--help"]) == 0
    assert "[generate]" in capsys.readouterr().out  # as markup it would vanish


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"  {name} " in shown and line in " ".join(shown.split()) for name, line in cli.COMMANDS.items())


@pytest.mark.parametrize("arguments", [["--nosuch"], ["nosuch"], ["config", "--nosuch"], ["--profile"], ["models", "nosuch"]])
def test_wrong_usage_is_explained_and_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(arguments) == 2
    assert "Traceback" not in capsys.readouterr().err


def raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> int:
    def broken() -> None:
        raise error

    app = typer.Typer()
    app.command()(broken)
    monkeypatch.setattr(cli, "load", lambda name: typer.main.get_command(app))
    return cli.run(["config"])


def test_what_the_user_can_mend_is_one_line_and_exit_code_2(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert raising(monkeypatch, UserError("This happened [with brackets].", "Do that.")) == 2
    assert capsys.readouterr().err == "This happened [with brackets]. Do that.\n"


def test_a_defect_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert raising(monkeypatch, RunError("should not happen")) == 70
    assert "Traceback" in (said := capsys.readouterr().err) and "should not happen" in said


def test_ctrl_c_is_one_line_and_exit_code_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert raising(monkeypatch, KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == "Stopped.\n"


def test_options_before_the_command_become_settings(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[retrieve]\ntop_k = 3\ncandidates = 9\n", encoding="utf-8")
    arguments = ["--config", "mine.toml", "--profile", "tiny", "--home", "there", "--set", "retrieve.top_k=5", "config", "--json"]
    assert cli.run(arguments) == 0
    settings = loaded().settings
    assert (settings.profile, settings.home, settings.retrieve.top_k, settings.retrieve.candidates) == ("tiny", Path("there"), 5, 9)


def test_the_environment_can_name_the_settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.toml").write_text("threads = 7\n", encoding="utf-8")
    monkeypatch.setenv("ATLAS_CONFIG", "mine.toml")
    assert cli.run(["config", "--json"]) == 0 and loaded().settings.threads == 7


def test_wrong_settings_are_all_listed_before_anything_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--set", "retrieve.topk=3", "--set", "ui.port=0", "doctor"]) == 2
    said = capsys.readouterr()
    assert len(said.err.splitlines()) == 2 and said.out == ""
    assert cli.run(["--set", "retrieve.topk", "--set", "x", "doctor"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_config_shows_every_key_with_value_origin_and_description(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--set", "retrieve.top_k=5", "config", "--json"]) == 0
    rows = {row["key"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows.keys() == fields().keys()
    expected = {"key": "retrieve.top_k", "value": 5, "origin": "command line", "description": fields()["retrieve.top_k"][1]}
    assert rows["retrieve.top_k"] == expected
    assert rows["threads"]["origin"] == "default"


def test_config_can_show_one_section(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["config", "serve"]) == 0
    shown = capsys.readouterr().out
    assert "serve.port" in shown and "retrieve.top_k" not in shown
    assert cli.run(["config", "nosuchkey"]) == 2


def test_models_list_needs_no_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["models", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["name"] for row in rows} >= {"multilingual-e5-small", "smollm2-135m-instruct"}
    assert not any(row["here"] for row in rows)


def test_models_verify_exits_with_1_and_names_the_file_that_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / ".atlas" / "models" / "mine"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"w")
    manifest.write(folder, {"name": "mine", "revision": "r"})
    assert cli.run(["models", "verify"]) == 0
    (folder / "model.safetensors").write_bytes(b"x")
    assert cli.run(["models", "verify"]) == 1
    assert "model.safetensors has changed" in capsys.readouterr().err
    assert cli.run(["--home", "empty", "models", "verify"]) == 2


def test_doctor_gives_every_finding_that_is_not_ok_something_to_do(settings: Settings) -> None:
    findings = [finding for check in CHECKS for finding in check(settings)]
    assert {finding.status for finding in findings} <= {"ok", "warn", "fail"}
    assert [finding.what for finding in findings if finding.status == "fail" and not finding.do] == []


def test_doctor_exits_with_1_when_something_must_be_mended(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--set", "generate.backend=openai", "--set", "generate.base_url=http://127.0.0.1:9/v1", "doctor"]) == 1
    assert re.search(r"^fail No server answers at http://127.0.0.1:9/v1", capsys.readouterr().out, re.M)


def test_doctor_sees_a_taken_port() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = Settings.model_validate({"ui": {"port": taken.getsockname()[1]}, "generate": {"backend": "scripted"}})
        (finding,) = ports(settings)
    assert finding.status == "warn" and "ui.port" in finding.do


def test_doctor_sees_an_index_that_points_nowhere(settings: Settings) -> None:
    folder = settings.home / "indexes" / "default"
    assert [finding.status for finding in index(settings)] == ["warn"]
    (folder / "v1").mkdir(parents=True)
    (folder / "current").write_text("v1", encoding="utf-8")
    assert [finding.status for finding in index(settings)] == ["fail"]
    (folder / "v1" / "manifest.json").write_text("{}", encoding="utf-8")
    assert [finding.status for finding in index(settings)] == ["ok"]


def test_doctor_needs_no_server_where_none_is_used(settings: Settings) -> None:
    assert [finding.status for finding in server(settings)] == ["ok"]


def test_without_a_terminal_progress_is_a_line_at_the_start_at_the_end_and_every_few_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    lines = PlainLines(clock=lambda: now)
    for done in range(101):
        lines("reading", done, 100)
        now += 0.11
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 4 and said[0] == "reading: 0/100" and said[-1].startswith("reading: 100/100")
    assert all("/s" in line for line in said[1:])


def test_a_stage_that_counts_seconds_has_no_rate(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    lines = PlainLines(clock=lambda: now)
    for done, total in ((0, 0), (6, 0), (12, 80), (1, 1)):
        lines("model server: loading weights", done, total)
        now += 6
    said = [line.removeprefix("model server: loading weights: ") for line in capsys.readouterr().err.splitlines()]
    assert said == ["0 s", "6 s", "12 s of about 80", "done"]


def test_so_it_is_in_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(console, "err", Console(stderr=True, force_terminal=True, width=160, color_system=None))
    with console.progress() as show:
        show("model server: loading weights", 12, 80)
        show("model server: up", 1, 1)
        show("embedding", 12, 80)
    lines = capsys.readouterr().err.splitlines()
    server, up, embedding = (next(line for line in reversed(lines) if name in line) for name in ("loading weights", "up", "embedding"))
    assert "12 s of about 80" in server and "/s" not in server
    assert "done" in up and "12/80" in embedding


def test_a_rate_that_is_not_nothing_is_not_written_as_nothing() -> None:
    rates = {1153.4: "1,153", 99.96: "100.0", 12.34: "12.3", 1.0: "1.0", 0.045: "0.045", 0.00321: "0.0032"}
    assert {rate: pace(rate) for rate in rates} == rates
