"""Every page of the workbench walked through as a person would, on `atlas up`: with the shipped fakes, and with the real default models.

ATLAS_WALK_SHOTS=FOLDER keeps a screenshot of each stop, and of each page in both languages, light and dark, on a phone and a desktop.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from adapters.tiny import save_tiny
from rag.models.folder import resolve
from rag.settings import Settings
from tests.conftest import ROOT
from tests.ui.stage import QUESTION, TEXTS
from ui.chat.text import EN
from ui.pages.guide.text import EN as GUIDE

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(5400)]

SHOTS = os.environ.get("ATLAS_WALK_SHOTS", "")
REAL = (pytest.mark.vllm, pytest.mark.model)
PORTS = ("Tarvik", "Osmund", "Lirren", "Quessant", "Hadley", "Morvane", "Skarn", "Belrose", "Ivarstad", "Ponta Rua", "Corrow", "Wendle")
COLOURS = ("red", "green", "white", "amber", "violet", "blue")
NOTE = "# The hut on the Sonnblick\n\nThe mountain hut on the Sonnblick was opened by Ignaz Rojacher in 1886. It stands at 3106 metres.\n"
NOTED = "Who opened the mountain hut on the Sonnblick?"


@dataclass(frozen=True)
class Walk:
    """A workbench that runs. `patience`: milliseconds that its slowest answer may take; `recipe`: what its base can be trained on."""

    page: Page
    browser: Browser
    url: str
    patience: float
    long: float
    recipe: str

    def tab(self, number: int) -> None:
        self.page.locator("#pages").get_by_role("tablist").first.get_by_role("tab").nth(number).click()

    def ask(self, question: str, panes: int) -> None:
        self.page.fill("#question textarea", question)
        self.page.press("#question textarea", "Enter")
        expect(self.page.locator("#now .question")).to_contain_text(question, timeout=self.patience)
        expect(self.page.locator("#now article[aria-busy=false]")).to_have_count(panes, timeout=self.patience)
        expect(self.page.locator("#now .note.failed")).to_have_count(0)
        expect(self.page.locator("#send")).to_be_visible(timeout=self.patience)

    def shot(self, name: str) -> None:
        if SHOTS:
            Path(SHOTS).mkdir(parents=True, exist_ok=True)
            self.page.wait_for_timeout(700)
            self.page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)


def corpus(folder: Path) -> Path:
    """Documents about lighthouses, and pairs about them."""
    documents = folder / "corpus"
    lines = []
    for number, port in enumerate(PORTS):
        colour, steps = COLOURS[number % len(COLOURS)], 90 + 7 * number
        text = f"# The lighthouse of {port}\n\nThe lamp of the lighthouse of {port} is {colour}. {steps} steps lead up to it.\n"
        name = f"en/{port.replace(' ', '-').lower()}.md"
        _write(documents / name, text)
        for kind, asked, answer in (
            ("lamp", f"What colour is the lamp of {port}?", colour),
            ("steps", f"How many steps has {port}?", steps),
        ):
            lines.append({"id": f"{kind}-{number}", "question": asked, "answers": [str(answer)], "docs": [name], "lang": "en"})
    for name in ("en/lora.md", "en/rag.md", "ru/icl.md"):
        _write(documents / name, TEXTS[name])
    (folder / "pairs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return documents


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def fakes(folder: Path) -> list[str]:
    """Hash embedder, scripted generator, and a base that is trained in seconds."""
    base = save_tiny(folder / "tiny")
    return ["embed.backend=hash", "generate.backend=scripted", f"generate.model={base}", "threads=1", "train.batch_tokens=600"]


def real(folder: Path, home: Path) -> list[str]:
    """The models of the settings' defaults, shared with the other tests."""
    shared = Settings.model_validate({"home": home, "models": {"hub": False}})
    models = [resolve(name, shared).path.parent for name in (shared.embed.model, shared.generate.model)]
    (folder / "home").mkdir(exist_ok=True)
    (folder / "home" / "models").symlink_to(models[0])
    return ["serve.port=8960", "serve.kv_cache_gb=0.5"]


@pytest.fixture(scope="module", params=["fakes", pytest.param("real", marks=REAL)])
def started(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, model_home: Path) -> Iterator[tuple[str, str]]:
    """`atlas up`: its kind and its address."""
    kind: str = request.param
    folder = tmp_path_factory.mktemp(f"walk-{kind}")
    pairs = json.dumps([str(folder / "pairs.jsonl")])
    sets = [
        *(f"corpus={corpus(folder)}", f"qa={pairs}", f"train.qa={pairs}", f"context.examples={pairs}", "models.hub=false", "ui.port=7960"),
        *("ui.adapters=false", "train.leakage=allow", "train.validation_pairs=2", "train.validations=1", "context.abstain=false"),
        *(fakes(folder) if kind == "fakes" else real(folder, model_home)),
    ]
    words = ["--home", str(folder / "home"), *(word for pair in sets for word in ("--set", pair)), "up"]
    command = [sys.executable, "-c", "from ui.cli import main; main()", *words]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ATLAS_")}
    log = folder / "up.log"
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT, env=environment)
        try:
            yield kind, address(process, log)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait(120)
    assert "Traceback" not in log.read_text(encoding="utf-8")


def address(process: subprocess.Popen[bytes], log: Path) -> str:
    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None:
        if found := re.search(r"(http://127\.0\.0\.1:\d+/)", log.read_text(encoding="utf-8")):
            return found[1]
        time.sleep(0.1)
    raise AssertionError(log.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def walk(started: tuple[str, str], browser: Browser) -> Iterator[Walk]:
    """One tab for the whole walk: what was done at one stop is there at the next."""
    kind, url = started
    context = browser.new_context(locale="en-US", viewport={"width": 1280, "height": 860})
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(url)
    patience, long, recipe = (120_000, 300_000, "closed-book") if kind == "fakes" else (600_000, 2_400_000, "context")
    expect(page.locator("#status .line.ready")).to_be_visible(timeout=patience)
    yield Walk(page, browser, url, patience, long, recipe)
    context.close()


def test_ask_and_compare(walk: Walk) -> None:
    page = walk.page
    walk.ask(QUESTION, 2)
    expect(page.locator("#now details.card").first).to_contain_text("en/")
    page.locator("#now article").nth(1).locator("details.card summary").first.click()
    assert all(words.strip() for words in page.locator("#now .answer").all_inner_texts())
    walk.shot("compare")
    walk.ask(f"What colour is the lamp of {PORTS[0]}?", 2)
    expect(page.locator("#past .turn")).to_have_count(1)


def test_vote_blind(walk: Walk) -> None:
    page = walk.page
    page.locator("#blind input").check()
    walk.ask(f"How many steps has {PORTS[1]}?", 2)
    expect(page.locator("#now .ballot")).to_be_visible()
    assert not re.search(r"\bRAG\b|\bICL\b", page.locator("#now").inner_text())
    walk.shot("blind")
    page.locator("#now .ballot button").first.click()
    expect(page.locator("#now .badge.chosen")).to_have_count(1)
    expect(page.locator("#now h3", has_text="RAG")).to_be_visible()
    expect(page.locator("#notice")).to_contain_text("1")
    walk.shot("voted")
    page.locator("#blind input").uncheck()


def test_upload_a_document_rebuild_and_ask_about_it(walk: Walk, tmp_path: Path) -> None:
    page = walk.page
    (tmp_path / "sonnblick.md").write_text(NOTE, encoding="utf-8")
    walk.tab(1)
    parts = page.locator("#corpus-parts").get_by_role("tab")
    parts.nth(2).click()
    with page.expect_file_chooser() as chooser:
        page.locator("#corpus-upload").click()
    chooser.value.set_files(tmp_path / "sonnblick.md")
    expect(page.locator("#corpus-taken")).to_contain_text("sonnblick", timeout=60_000)
    walk.shot("corpus-added")
    page.locator("#corpus-rebuild").click()
    expect(page.locator("#corpus-job .job")).to_be_visible(timeout=60_000)
    expect(page.locator("#corpus-job .job.done")).to_be_visible(timeout=walk.long)
    parts.nth(0).click()
    page.locator("#corpus-filter").locator("input, textarea").press_sequentially("sonnblick")
    found = page.locator("#corpus-listing button[data-pick^='doc:']")
    expect(found).to_have_count(1, timeout=60_000)
    found.click()
    expect(page.locator("#corpus-view")).to_contain_text("Rojacher")
    walk.shot("corpus-document")
    parts.nth(1).click()
    expect(page.locator("#corpus-map figure")).to_be_visible(timeout=60_000)
    page.locator("#corpus-question").locator("input, textarea").fill(NOTED)
    page.locator("#corpus-find").click()
    expect(page.locator("#corpus-hits")).to_contain_text("sonnblick", timeout=60_000)
    walk.shot("corpus-search")
    walk.tab(0)
    walk.ask(NOTED, 2)
    expect(page.locator("#now details.card").first).to_contain_text("sonnblick")


def test_train_a_short_adapter_and_see_its_pane_appear(walk: Walk) -> None:
    page = walk.page
    walk.tab(2)
    page.locator("#train-name").locator("input, textarea").fill("walked")
    for box in page.locator("#train-recipe input").all():
        box.uncheck()
    words = {"closed-book": "answer without passages", "context": "answer from passages"}[walk.recipe]
    page.locator("#train-recipe").get_by_label(words).check()
    for field, value in (("examples", "12"), ("epochs", "1"), ("passages", "1")):
        page.locator(f"#train-{field} input").fill(value)
    page.locator("#train-estimate").click()
    expect(page.locator("#train-live .job, #train-live article").first).to_be_visible(timeout=walk.patience)
    done = page.locator("#train-live .job.done, #train-live article.done")
    expect(page.locator("#train-stop")).to_be_hidden(timeout=walk.long)
    walk.shot("adapters-estimate")
    page.locator("#train-start").click()
    expect(page.locator("#train-stop")).to_be_visible(timeout=60_000)
    walk.shot("adapters-training")
    expect(page.locator("#train-stop")).to_be_hidden(timeout=walk.long)
    expect(done.first).to_be_visible(timeout=60_000)
    page.locator("#adapters-list label", has_text="walked").click(timeout=60_000)
    expect(page.locator("#adapters-unload")).to_be_visible(timeout=walk.long)
    walk.shot("adapters-trained")
    walk.tab(0)
    walk.ask(f"What colour is the lamp of {PORTS[2]}?", 3)
    expect(page.locator("#now h3", has_text="LoRA")).to_be_visible()
    expect(page.locator("#now article").nth(2)).to_contain_text("walked")
    walk.shot("compare-adapter")


def test_run_a_small_evaluation_and_open_its_report(walk: Walk) -> None:
    page = walk.page
    walk.tab(3)
    page.locator("#eval-limit input").fill("6")
    page.locator("#eval-name").locator("input, textarea").fill("walked")
    page.locator("#eval-start").click()
    expect(page.locator("#eval-stop")).to_be_visible(timeout=60_000)
    walk.shot("evaluate-running")
    expect(page.locator("#run-chosen article.run")).to_be_visible(timeout=walk.long)
    page.locator("#report-here > summary").click()
    report = page.frame_locator("#report-here iframe")
    expect(report.locator("h1").first).to_be_visible(timeout=60_000)
    expect(report.locator("body")).to_contain_text("walked")
    walk.shot("evaluate-report")
    lost = page.locator("#lost-list label")
    if lost.count():
        lost.first.click()
        page.locator("#lost-ask").click()
        expect(page.locator("#question textarea")).not_to_have_value("")
        page.fill("#question textarea", "")


def test_the_guide_shows_what_was_measured(walk: Walk) -> None:
    page = walk.page
    walk.tab(4)
    expect(page.locator("#step-rag .measured .badge")).to_have_text(GUIDE.measured, timeout=60_000)
    walk.shot("guide")
    page.get_by_role("button", name=GUIDE.go["evaluate"]).first.click()
    expect(page.locator("#eval-start")).to_be_visible()
    walk.tab(0)
    expect(page.locator("#now .question")).to_be_visible()
    expect(page.locator("#status .line.ready")).to_contain_text(EN.ready)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "ru"])
def test_every_page_fits_on_every_screen(walk: Walk, language: str, scheme: str, width: int) -> None:
    """With everything in it that the walk made; the pictures are for people to look at."""
    context = walk.browser.new_context(
        locale={"en": "en-US", "ru": "ru-RU"}[language],
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": width, "height": 860},
    )
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(walk.url)
    expect(page.locator("#status .line.ready")).to_be_visible(timeout=60_000)
    there = Walk(page, walk.browser, walk.url, walk.patience, walk.long, walk.recipe)
    landmarks: Sequence[str] = (
        "#composer",
        "#corpus-listing button",
        "#adapters-list label",
        "#runs-list label",
        "#page-guide article.step",
    )
    for number, landmark in enumerate(landmarks):
        there.tab(number)
        seen: Locator = page.locator(landmark).first
        expect(seen).to_be_visible(timeout=60_000)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, landmark
        there.shot(f"page-{number}-{language}-{scheme}-{width}")
    context.close()
