"""Hostile texts as documents, names of files, questions, answers, runs and cards, in a real Chromium: they are read, and nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from eval import runs
from eval.types import Lost
from rag.assistant import Assistant
from rag.index.build import build
from rag.settings import Settings
from tests.eval.report.made import made_run
from tests.ui.hostile import EVIL, TEXTS, file_name, typed
from tests.ui.pages.adapters.made import store_card
from tests.ui.stage import Teller, corpus_settings
from tests.ui.watched import Watched
from ui.chat.open import open_page
from ui.chat.status import Doing
from ui.chat.text import EN, RU

pytestmark = pytest.mark.browser

TURNS = 12
"""Questions in one conversation, before a new one begins: the page of a long one is slow to draw, and that is not tested here."""
FORBIDDEN = (
    *("script", "img", "picture", "source", "video", "audio", "track", "object", "embed", "applet", "frame", "frameset", "base", "meta"),
    *("link", "style", "form", "math", "noscript", "template", "plaintext", "xmp", "marquee", "animate", "foreignobject", "xss"),
)
FOUND = """(forbidden) => {
  const found = [];
  for (const element of document.querySelectorAll('main *')) {
    if (element.closest('[role=tablist], button svg, .icon-wrap')) continue;  // Gradio's own pictures
    const name = element.localName.toLowerCase();
    const ours = element.closest('.html-container');
    if (ours && forbidden.includes(name)) found.push(name);
    for (const attribute of ours ? element.attributes : []) {
      if (attribute.name.startsWith('on') || ['srcdoc', 'srcset', 'formaction', 'ping', 'background', 'poster'].includes(attribute.name))
        found.push(`${name} ${attribute.name}`);
      if (['href', 'src', 'xlink:href', 'action', 'data'].includes(attribute.name) && !/^(#|atlas\\/|\\/atlas\\/)/.test(attribute.value))
        found.push(`${name} ${attribute.name}=${attribute.value}`);
    }
  }
  return found;
}"""


@dataclass
class Scene:
    """A page over a home full of hostile texts; `generator` says them."""

    url: str
    settings: Settings
    generator: Teller


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """An index of the texts under names made of them, a finished run of them, and an adapter whose card holds them."""
    folder = tmp_path_factory.mktemp("hostile")
    settings = corpus_settings(folder, {"ui": {"requests_per_minute": 0}})
    for number, text in enumerate(TEXTS):
        file = folder / "corpus" / file_name(number, text)
        words = text.encode("utf-8", "replace").decode()
        file.write_text(f"# Hostile-{number:03} {words}\n\nhostile-{number:03} {words}\n", encoding="utf-8")
    build(settings)
    _run(settings)
    bad = TEXTS[1] + TEXTS[0]
    store_card("hostile-card", settings, command=bad, versions={bad: bad}, options={"targets": bad}, method="lora")
    named = settings.home / "adapters" / "<img src=x onerror=window.hacked=1>"
    shutil.copytree(settings.home / "adapters" / "hostile-card", named)
    return settings


def _run(settings: Settings) -> None:
    """A finished run whose questions, accepted answers, replies and passages are the texts, each lost by all."""
    made = made_run()
    words = {case.id: TEXTS[number % len(TEXTS)].encode("utf-8", "replace").decode() for number, case in enumerate(made.cases)}
    cases = tuple(
        replace(
            case, pair=replace(case.pair, question=f"{words[case.id]}?", answers=(words[case.id],), answerable=True, kind=words[case.id])
        )
        for case in made.cases
    )
    replies = tuple(replace(reply, text=words[reply.case], refused=False, abstained=False) for reply in made.replies)
    failed = tuple(replace(each, what=f"The server said {words[each.case]}.") for each in made.failures)
    lost = tuple(Lost(reply.case, reply.arm, "not known") for reply in made.replies)
    found = tuple(
        replace(each, passages=tuple(replace(passage, path=words[each.case], text=words[each.case]) for passage in each.passages))
        for each in made.retrievals
    )
    folder = settings.home / "runs" / "20260102-030405-0123456789ab"
    folder.mkdir(parents=True)
    name = {"name": TEXTS[1], "command": [TEXTS[0]]}
    run = replace(made, cases=cases, replies=replies, failures=failed, lost=lost, retrievals=found, manifest={**made.manifest, **name})
    runs.write_manifest(folder, dict(run.manifest))
    runs.save(folder, run)


@pytest.fixture
def scene(home: Settings) -> Iterator[Scene]:
    generator = Teller()

    async def ready() -> Doing | None:
        return None

    page = open_page(home, Assistant(home, generator), ready)
    yield Scene(page.url, home, generator)
    page.stop()


class Wary(Watched):
    """A tab that notices everything that hostile text could bring about."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        self.happened: list[str] = []
        self.context = browser.new_context(**{"locale": "en-US", "viewport": {"width": 1280, "height": 860}, **options})
        super().__init__(self.context, url)
        self.url = url
        self.page.on("dialog", self._dialog)
        self.page.on("framenavigated", self._went)
        self.page.on("download", lambda download: self.happened.append(f"downloaded {download.url}"))
        self.page.on("popup", lambda popup: self.happened.append(f"opened {popup.url}"))
        self.switch = self.page.locator("#language").bounding_box()

    def _went(self, frame: Any) -> None:
        if frame.url.split("#")[0] != self.url:  # which tab is open stands behind the #
            self.happened.append(f"went to {frame.url}")

    def _dialog(self, dialog: Any) -> None:
        self.happened.append(f"asked {dialog.message}")
        dialog.dismiss()

    def unharmed(self) -> None:
        """Nothing ran, nothing was asked of another host, nobody went anywhere, and the page is where it was."""
        page = self.page
        assert page.evaluate("window.hacked") is None
        assert self.happened == []
        assert page.url.split("#")[0] == self.url
        assert not [url for url in self.requests if not url.startswith((self.url, "data:", "blob:"))]
        assert sorted(set(page.evaluate(FOUND, list(FORBIDDEN)))) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]  # type: ignore[index]
        assert page.locator("#language").bounding_box() == self.switch
        assert page.evaluate("document.documentElement.dir + getComputedStyle(document.body).direction") == "ltr"
        assert EVIL not in page.evaluate("getComputedStyle(document.body).background + document.title")
        shown = page.locator("main").inner_text()
        assert not set(shown) & set("\u202e\u202d\u202a\u202b\u2066\u2067\u061c\u200f\x1b\x9b\x00\x07\x08\ufeff")

    def still_works(self) -> None:
        """The switch is not covered by anything and does what it says."""
        for label, words in (("RU", RU), ("EN", EN)):
            self.page.locator("#language label", has_text=label).click(timeout=10_000)
            expect(self.page.locator("#pages > .tab-wrapper button[role=tab], #pages button[role=tab]").first).to_contain_text(words.tab)


def tab_of(page: Page, number: int) -> Any:
    return page.locator("#pages").get_by_role("tablist").first.get_by_role("tab").nth(number)


@pytest.fixture
def tab(browser: Browser, scene: Scene) -> Iterator[Wary]:
    opened = Wary(browser, scene.url)
    yield opened
    opened.context.close()


def test_there_are_enough_of_them() -> None:
    assert len(set(TEXTS)) >= 50


@pytest.mark.slow
def test_as_questions_answers_and_documents_in_compare(tab: Wary, scene: Scene) -> None:
    scene.generator.says = {f"hostile-{number:03}": f"{text} [1] [2]" for number, text in enumerate(TEXTS)}
    for number, text in enumerate(TEXTS):
        tab.page.fill("#question textarea", f"hostile-{number:03} {typed(text)}"[:3900])
        tab.page.locator("#send").click()
        expect(tab.page.locator("#now .question")).to_contain_text(f"hostile-{number:03}")
        tab.finished()
        for summary in tab.page.locator("#now article summary").all():
            summary.click()
        if number % TURNS == TURNS - 1 or number == len(TEXTS) - 1:
            tab.unharmed()
            if number < len(TEXTS) - 1:
                tab.page.locator("#clear").click()
                expect(tab.page.locator(".turn")).to_have_count(0)
    tab.still_works()
    tab.unharmed()
    assert not tab.errors


def test_words_that_look_like_code_are_shown_as_they_were_written(tab: Wary, scene: Scene) -> None:
    """Safe is not the same as gone."""
    scene.generator.says = {"what is written": "Use <b>bold</b> & <script>window.hacked=1</script>, `<i>`."}
    tab.ask("what is written <u>here</u>?")
    expect(tab.pane(0).locator(".answer")).to_contain_text("Use <b>bold</b> & <script>window.hacked=1</script>, <i>.")
    expect(tab.page.locator("#now .question")).to_contain_text("<u>here</u>")


@pytest.mark.slow
def test_as_documents_and_names_on_the_corpus_page(tab: Wary, scene: Scene) -> None:
    page = tab.page
    tab_of(page, 1).click()
    listed = page.locator("#corpus-listing button[data-pick^='doc:']")
    expect(listed.first).to_be_visible()
    for number in range(0, len(TEXTS), 6):
        box = page.locator("#corpus-filter").locator("input, textarea")
        box.fill("")
        box.press_sequentially(f"{number:03}")
        listed = page.locator("#corpus-listing button[data-pick^='doc:']", has_text=f"{number:03}")
        expect(listed.first).to_be_visible()
        listed.first.click()
        expect(page.locator("#corpus-view")).to_contain_text(f"{number:03}")
        tab.unharmed()
    page.locator("#corpus-parts").get_by_role("tab").nth(1).click()
    expect(page.locator("#corpus-map figure")).to_be_visible()  # what is typed while a tab is being set up is lost
    for text in TEXTS[::9]:
        page.locator("#corpus-question").locator("input, textarea").fill(typed(text)[:900] or "x")
        page.locator("#corpus-find").click()
        expect(page.locator("#corpus-hits button, #corpus-hits .note, #corpus-hits article").first).to_be_visible()
        tab.unharmed()
    for part in (2, 3, 4):
        page.locator("#corpus-parts").get_by_role("tab").nth(part).click()
        page.wait_for_timeout(500)
        tab.unharmed()
    tab.still_works()


@pytest.mark.slow
def test_as_cards_and_names_of_adapters_and_as_runs(tab: Wary, scene: Scene) -> None:
    page = tab.page
    tab_of(page, 2).click()
    expect(page.locator("#adapters-list label").first).to_be_visible()
    assert "onerror" not in page.locator("#adapters-list").inner_text()
    page.locator("#adapters-list label", has_text="hostile-card").click()
    expect(page.locator("#adapters-card")).to_contain_text("hostile-card")
    tab.unharmed()
    tab_of(page, 3).click()
    expect(page.locator("#runs-list label").first).to_be_visible()
    page.locator("#runs-list label").first.click()
    expect(page.locator("#lost-list label").first).to_be_visible()
    for label in page.locator("#lost-list label").all()[:30:3]:
        label.click()
        expect(page.locator("#lost-case article")).to_be_visible()
        tab.unharmed()
    tab_of(page, 4).click()
    expect(page.locator(".measured").first).to_be_visible()
    tab.unharmed()
    tab.still_works()


def test_in_the_report_of_a_run(tab: Wary, scene: Scene) -> None:
    answer = tab.page.goto(f"{scene.url}atlas/report/20260102-030405-0123456789ab")
    assert answer is not None and answer.status == 200
    assert tab.page.evaluate("window.hacked") is None
    assert not [url for url in tab.requests if not url.startswith((tab.url, "data:"))]
    for forbidden in ("script", "img:not([src^='data:'])", "iframe", "form", "base", "object", "embed", "link"):
        assert tab.page.locator(forbidden).count() == 0, forbidden
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src" not in policy and "frame-ancestors 'self'" in policy


def test_typing_hostile_text_into_the_other_boxes_does_nothing(tab: Wary, scene: Scene, tmp_path: Path) -> None:
    """A folder that is not there, a name of an adapter: what is said about them is escaped, too."""
    page = tab.page
    tab_of(page, 1).click()
    page.locator("#corpus-parts").get_by_role("tab").nth(2).click()
    expect(page.locator("#corpus-sources")).not_to_be_empty()
    page.locator("#corpus-folder").locator("input, textarea").fill("/<img src=x onerror=window.hacked=1>")
    page.locator("#corpus-add-folder").click()
    expect(page.locator("#corpus-taken")).to_contain_text("onerror")
    tab.unharmed()
    tab_of(page, 2).click()
    page.locator("#train-name").locator("input, textarea").fill("<img src=x onerror=window.hacked=1>")
    page.locator("#train-estimate").click()
    expect(page.locator("#train-wrong")).to_contain_text("onerror")
    tab.unharmed()
