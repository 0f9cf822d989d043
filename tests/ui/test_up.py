"""`atlas up` with real models, as a person meets it: the page first, a question that waits, answers in both panes, Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from rag.models.folder import ModelFolder
from rag.serve import vllm
from rag.settings import Settings
from tests.conftest import ROOT
from tests.ui.stage import QUESTION, TEXTS
from tests.ui.watched import ARGUMENTS, CHROMIUM
from ui.chat.text import EN

pytestmark = [pytest.mark.browser, pytest.mark.vllm]

UP_SECONDS = 420
EMBEDDING = r"embedding: [1-9]"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, smollm2: ModelFolder, e5: ModelFolder) -> Path:
    """A corpus, and a home of its own that shares the models."""
    folder = tmp_path_factory.mktemp("up")
    for name, text in TEXTS.items():
        file = folder / "corpus" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    (folder / "home").mkdir()
    (folder / "home" / "models").symlink_to(e5.path.parent)
    return folder


@pytest.fixture
def settings(folder: Path) -> Settings:
    values = {"home": folder / "home", "profile": "tiny", "generate": {"model": "smollm2-135m-instruct"}}
    return Settings.model_validate(values)


@pytest.fixture
def many(folder: Path) -> Iterator[None]:
    """Enough texts that embedding them takes a while."""
    files = [folder / "corpus" / f"note{number:04}.txt" for number in range(2000)]
    for number, file in enumerate(files):
        file.write_text(f"Note {number} is about valley {number * 7} and the people who live in it. " * 6, encoding="utf-8")
    yield
    for file in files:
        file.unlink()


@pytest.fixture
def started(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """`atlas up` and its output."""
    log = folder / "up.log"
    sets = [f"corpus={folder / 'corpus'}", "qa=[]", "models.hub=false", "ui.port=7950", "serve.port=8950", "serve.kv_cache_gb=1"]
    options = ["--home", str(folder / "home"), "--profile", "tiny", *(part for pair in sets for part in ("--set", pair))]
    command = [sys.executable, "-c", "from ui.cli import main; main()", *options, "up"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ATLAS_")}
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT, env=environment)
        yield process, log
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def url_of(process: subprocess.Popen[bytes], log: Path) -> str:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        if found := re.search(r"Chat page: (http://\S+)", log.read_text(encoding="utf-8")):
            return found[1]
        time.sleep(0.1)
    raise AssertionError(log.read_text(encoding="utf-8"))


def ask(page: Page, question: str) -> None:
    page.fill("#question textarea", question)
    page.press("#question textarea", "Enter")


def test_a_question_asked_while_everything_starts_is_answered_by_both_arms(
    started: tuple[subprocess.Popen[bytes], Path], settings: Settings
) -> None:
    process, log = started
    url = url_of(process, log)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS.split())
        page = browser.new_page(locale="en-US")
        page.goto(url)
        expect(page.locator("#status .line.waiting")).to_be_visible(timeout=30_000)
        ask(page, QUESTION)
        expect(page.locator("#now .answer").first).to_contain_text(EN.waiting)
        expect(page.locator("#now article.done")).to_have_count(2, timeout=UP_SECONDS * 1000)
        expect(page.locator("#now .facts").first).to_contain_text("smollm2-135m-instruct")
        expect(page.locator("#now details.card").first).to_contain_text("en/lora.md")
        assert all(words.strip() for words in page.locator("#now .answer").all_inner_texts())
        ask(page, "Почему?")
        expect(page.locator("#now .question")).to_contain_text("Почему?")
        expect(page.locator("#now article.done")).to_have_count(2, timeout=120_000)
        browser.close()
    until = time.monotonic() + 60
    while "Ready in" not in log.read_text(encoding="utf-8") and time.monotonic() < until:
        time.sleep(0.2)
    said = log.read_text(encoding="utf-8")
    assert re.search(r"Ready in [\d.]+ s: .*page [\d.]+.*models [\d.]+.*index [\d.]+.*server [\d.]+", said), said
    assert vllm.status(settings) is not None
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert vllm.status(settings) is None
    assert "Traceback" not in log.read_text(encoding="utf-8")


def test_ctrl_c_while_texts_are_embedded_ends_without_a_crash(
    many: None, started: tuple[subprocess.Popen[bytes], Path], settings: Settings
) -> None:
    process, log = started
    until = time.monotonic() + 120
    while not re.search(EMBEDDING, log.read_text(encoding="utf-8")) and time.monotonic() < until:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    said = log.read_text(encoding="utf-8")
    assert "Stopping the page" in said and re.search(EMBEDDING, said) and "Ready in" not in said
    assert "terminate called" not in said and "Traceback" not in said
    assert vllm.status(settings) is None
