"""What the corpus page shows: lists, hits, the map, plots, health; the same in both languages, and only text from documents."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.assistant import Assistant
from rag.embed.embedder import open_embedder
from rag.index import report, sources, versions
from rag.index.build import build
from rag.index.corpus_db import Listed
from rag.ingest.duplicates import Duplicate
from rag.ingest.files import Problem
from rag.retrieve.retriever import open_retriever
from rag.settings import Settings
from tests.ui.stage import QUESTION, Teller, corpus_settings
from ui.chat.session import Session
from ui.jobs.jobs import Jobs
from ui.pages.corpus import adding, documents, health, hits, plan, plots, shelf
from ui.pages.corpus.contents import Contents, Here
from ui.pages.corpus.page import CorpusPage
from ui.pages.corpus.reading import Opened, Reading
from ui.pages.corpus.text import WORDS
from ui.pages.corpus.words import Words
from ui.pages.page import Desk

EN, RU = WORDS["en"], WORDS["ru"]
TAGS = {
    "article", "b", "button", "caption", "circle", "code", "dd", "defs", "desc", "details", "div", "dl", "dt", "figcaption", "figure",
    "g", "h3", "h4", "header", "li", "line", "mark", "nav", "ol", "p", "path", "rect", "section", "span", "summary", "svg", "table",
    "tbody", "td", "text", "th", "thead", "time", "title", "tr", "ul", "use",
}  # fmt: skip


def harmless(markup: str) -> None:
    assert set(re.findall(r"</?([a-z][a-z0-9]*)", markup)) <= TAGS
    for tag in re.findall(r"<[a-z][^>]*>", markup):
        names = re.findall(r' ([a-zA-Z-]+)="', re.sub(r'="[^"]*"', lambda value: '=""', tag))
        assert not [name for name in names if name.startswith("on") or name in ("src", "action")], tag
    assert not set(markup) & set("\x1b\u202e\u2066\x00")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    made = corpus_settings(tmp_path_factory.mktemp("shown"))
    (made.corpus / "en" / "empty.md").write_text("")
    (made.corpus / "en" / "twin.md").write_text((made.corpus / "en" / "lora.md").read_text())
    build(made)
    return made


@pytest.fixture(scope="module")
def opened(settings: Settings) -> Opened:
    return Reading(settings).wanted()


@pytest.mark.parametrize("words", [EN, RU])
def test_everything_shown_of_hostile_documents_is_text(settings: Settings, opened: Opened, words: Words) -> None:
    last = report.read(versions.folder_of(settings))
    assert last is not None
    shown = [documents.listing(opened.listed, 0, "", words), plan.drawn(opened.planned(), words), shelf.shown(settings, words)]
    shown += [health.health(opened, last[1], words), adding.shown(settings, words)]
    shown += [documents.view(opened.index, each.id, 0, -1, words) for each in opened.listed]
    retriever = open_retriever(settings)
    for question in (QUESTION, "hostile script", "<img src=x onerror=alert(1)>"):
        shown.append(hits.hits(hits.search(retriever, question), words))
    for each in shown:
        harmless(each)


def test_no_word_is_missing_or_left_in_english() -> None:
    for field in fields(Words):
        one, other = getattr(EN, field.name), getattr(RU, field.name)
        assert one or field.name == "why", field.name
        assert other, field.name
        if isinstance(one, str) and field.name not in ("code", "folder_hint"):
            assert one != other and re.search("[а-яё]", other, re.IGNORECASE), field.name
            assert one.count("{}") == other.count("{}"), field.name
        if isinstance(one, dict) and field.name != "why":
            assert one.keys() == other.keys() and not [key for key in one if one[key] == other[key]], field.name


def _listed(number: int) -> Listed:
    return Listed(f"{number:016x}", f"folder/{number:05}.md", f"Title {number}", "en", "md", 1000 + number, 3)


def test_ten_thousand_documents_are_shown_a_page_at_a_time() -> None:
    found = [_listed(number) for number in range(10_000)]
    shown = documents.listing(found, 399, found[-1].id, EN)
    assert shown.count('data-pick="doc:') == documents.ROWS and "9,976 to 10,000 of 10,000" in shown and 'aria-pressed="true"' in shown
    assert "page:398" in shown and "page:400" not in shown
    assert documents.listing(found, 10**9, "", EN) == documents.listing(found, 399, "", EN)


def test_the_filter_wants_every_word_in_path_or_title() -> None:
    found = Opened(index=None, listed=[_listed(7), _listed(71)], lengths=[])  # type: ignore[arg-type]
    assert [each.title for each in found.matching("FOLDER title 71")] == ["Title 71"]
    assert len(found.matching("")) == 2 and found.matching("nothing") == []


def test_a_hit_shows_both_halves_and_marks_the_words_of_the_question(settings: Settings) -> None:
    shown = hits.hits(hits.search(open_retriever(settings), QUESTION), EN)
    assert "meaning (cosine)" in shown and "words (BM25)" in shown and "rank 1" in shown
    assert "<mark>lora_alpha</mark>" in shown and "<mark>scales</mark>" in shown


@given(st.text("ab cd\n", max_size=900))
def test_marks_are_the_text_and_a_window_is_inside_it(text: str) -> None:
    spans = hits.marks("ab", text)
    assert re.sub("</?mark>", "", hits.marked(text, spans)) == text
    start, end = hits.window(text, spans)
    assert 0 <= start <= end <= len(text) and end - start <= hits.SNIPPET


def test_the_map_is_the_same_for_the_same_index_and_tells_its_variance(settings: Settings, opened: Opened) -> None:
    one, other = plan.plan(opened.index), plan.plan(Reading(settings).wanted().index)
    assert (one.points == other.points).all() and one.groups == other.groups
    assert 0 < one.variance <= 1 and set(one.names) == {"en", "ru", "hostile"}
    assert f"{EN.number(100 * one.variance)} %" in plan.drawn(one, EN)
    assert (one.points >= 0).all() and (one.points <= [plan.WIDTH, plan.HEIGHT]).all()


def test_the_question_and_its_hits_are_on_the_map(settings: Settings, opened: Opened) -> None:
    asked = open_embedder(settings).embed_query(QUESTION)
    found = opened.index.sample(3, 1)[1]
    made = opened.planned()
    shown = plan.drawn(made, EN, question=asked, found=found)
    assert shown.count('class="hit"') == 3 and shown.count('class="asked"') == 1 and "your question" in shown
    chunks, vectors = opened.index.sample(plan.MOST, plan.SEED)
    assert np.allclose(made.place(vectors), made.points, atol=1e-3), f"{len(chunks)} chunks are placed where they are drawn"


def test_components_of_a_line_hold_all_its_variance() -> None:
    line = np.asarray(np.outer(np.linspace(-1, 1, 20), [0.6, 0.8, 0.0]) + 3, dtype=np.float64)
    mean, axes, variance = plan.components(line)
    assert variance == pytest.approx(1) and axes[0] == pytest.approx([0.6, 0.8, 0]) and mean == pytest.approx([3, 3, 3])
    assert plan.components(np.ones((4, 5)))[2] == 0 and plan.components(np.ones((1, 1)))[1].shape == (2, 1)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=60))
def test_bins_count_every_value_once_and_follow_each_other(values: list[int]) -> None:
    found = plots.bins(values)
    assert sum(count for *_, count in found) == len(values)
    assert found[0][0] == 0 and all(one[1] == two[0] for one, two in pairwise(found))
    for low, high, count in found[:-1]:
        assert high is not None and count == sum(low <= value < high for value in values)


def test_a_plot_has_its_words_and_its_table() -> None:
    shown = plots.histogram([10, 20, 30, 900], "sizes", "Sizes", EN)
    assert '<title id="sizes-title">Sizes</title>' in shown and "4 in all; smallest 10, median 25, largest 900." in shown
    assert shown.count("<rect") == shown.count("<tr>") - 1


def test_what_was_skipped_is_sorted_by_kind_and_told_in_the_language(settings: Settings, opened: Opened) -> None:
    last = report.read(versions.folder_of(settings))
    assert last is not None
    problems = (
        Problem("a", "empty file"), Problem("b", "too large: 60 MB (ingest.max_file_mb is 50)"),
        Problem("c", "not a PDF (starts with b'x')"), Problem("d", "line 3 is not JSON: x"), Problem("e", "an unheard-of reason"),
    )  # fmt: skip
    assert [health.kind_of(each) for each in problems] == ["empty", "huge", "unreadable", "row", "unreadable"]
    made = replace(last[1], problems=problems, duplicates=(Duplicate("x", "y", 1.0), Duplicate("v", "w", 0.93)))
    english, russian = health.health(opened, made, EN), health.health(opened, made, RU)
    assert "exact copy" in english and "93 %" in english and "Skipped: 5" in english
    assert "слишком большой: 60 МБ" in russian and "строка 3 не JSON" in russian and "an unheard-of reason" in russian


def test_every_reason_that_ingestion_gives_has_words_in_russian() -> None:
    """The reasons as they stand in the code; those with a foreign library's words in them are not among them."""
    folder = Path(sources.__file__).parents[1] / "ingest"
    said = [found for file in folder.glob("*.py") for found in re.findall(r'Unreadable\("([^"{]+)"\)', file.read_text(encoding="utf-8"))]
    assert len(said) > 8
    assert not [each for each in said if RU.reason_of(each) == each]


def test_versions_can_be_gone_back_to_and_the_live_one_is_marked(settings: Settings) -> None:
    shown = shelf.shown(settings, EN)
    assert shown.count("✓ live") == 1 and "data-pick" not in shown


@pytest.mark.parametrize(("minutes", "said"), [(0, "just now"), (5, "5 min ago"), (300, "5 h ago"), (10_000, "7 days ago")])
def test_how_long_ago_is_said_in_the_unit_a_person_would_use(minutes: int, said: str) -> None:
    assert EN.since(datetime.now(UTC) - timedelta(minutes=minutes)) == said


@pytest.fixture(autouse=True)
def _as_it_was(settings: Settings) -> Iterator[None]:
    yield
    assert not (settings.home / sources.FILE).exists()


def test_what_is_found_while_the_search_is_drawn_is_not_drawn_over(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at the page may take longer than a search that began after it."""
    shows, here = Contents(settings), Here(part="search")
    asked = hits.search(open_retriever(settings), QUESTION)

    def drawn(given: Here, words: Words) -> str:
        here.found = asked
        return str(given.found)

    monkeypatch.setattr(shows, "hits", drawn)
    skipped = shows.parts(here, EN)[2:4]
    assert skipped == [gr.skip(), gr.skip()]
    again = shows.parts(here, EN)[2:4]
    assert again[0] == str(asked) and 'class="asked"' in again[1]
    here.searching = 1
    assert shows.parts(here, EN)[2:4] == skipped


def test_what_the_browser_shows_is_drawn_whatever_event_of_a_tab_came_last(settings: Settings) -> None:
    """Gradio fires one for the first tab when labels change: with a language set meanwhile, the hits stayed in the other one."""
    jobs = Jobs(settings)
    page = CorpusPage(Desk(settings, Assistant(settings, Teller()), jobs))
    with gr.Blocks():
        page.build("en")
    here, session = Here(), Session(language="ru")

    def look(shown: str) -> list[bool]:
        """Whether listing, view, hits and map are drawn."""
        return [each != gr.skip() for each in asyncio.run(page._tick(session, here, shown))[5:9]]

    assert look("corpus documents") == [True, True, False, False]
    assert look("corpus documents") == [False] * 4
    assert look("corpus search") == [False, False, True, True] and here.part == "search"
    assert look("corpus search") == [False] * 4
    here.part = "documents"  # as such an event leaves it
    assert look("corpus search") == [False, False, True, True]
    here.part = "documents"
    assert look("compare search") == [False] * 4
    assert look("corpus search") == [False, False, True, True]
    jobs.close()
