"""Answers as HTML."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import ServerError
from rag.types import Answer, Citation, Context, Decoding, Evidence, Provenance, Timing
from tests.ui.stage import HOSTILE
from ui.chat import panes
from ui.chat.status import Doing
from ui.chat.text import EN, RU
from ui.chat.turn import Pane, Turn

TAGS = {
    "p", "br", "em", "strong", "code", "pre", "ul", "ol", "li", "blockquote", "hr", "h1", "h2", "h3", "h4", "h5", "h6",
    "table", "thead", "tbody", "tr", "th", "td", "a",
}  # fmt: skip
ATTRIBUTES = {"class", "href", "data-card", "title", "start", "style"}


class Seen(HTMLParser):
    """Collects tags, attributes and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.words = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.words += data


def assert_harmless(html: str) -> Seen:
    seen = Seen(html)
    assert seen.tags <= TAGS
    assert {name for name, _ in seen.attributes} <= ATTRIBUTES
    assert all((value or "").startswith("#") for name, value in seen.attributes if name == "href")
    assert all((value or "").startswith("text-align:") for name, value in seen.attributes if name == "style")
    return seen


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_answers_are_text(text: str) -> None:
    assert_harmless(panes.answer(f"before {text} after", {1: "card"}))
    assert_harmless(panes.answer(text, {}))


@given(st.lists(st.sampled_from([*HOSTILE, "[1]", "\n", "| a | b |\n|---|:-:|\n| ", "**", "`", "# ", "<", '"', "'"]), max_size=8))
def test_hostile_pieces_stay_harmless_in_any_order(pieces: list[str]) -> None:
    assert_harmless(panes.answer("".join(pieces), {1: "t0-p0-s1"}))


@given(st.text(max_size=200))
def test_any_answer_is_harmless(text: str) -> None:
    assert_harmless(panes.answer(text, {1: "t0-p0-s1"}))


def test_markers_of_known_sources_become_links_to_their_cards() -> None:
    html = panes.answer("So it is [1]. And this [2, 1], but not [7] nor `[1]`.", {1: "c1", 2: "c2"})
    assert html.count('href="#c1"') == 2
    assert html.count('href="#c2"') == 1
    assert "[7]" in html and "<code>[1]</code>" in html


def test_markdown_is_shown_as_it_is_meant() -> None:
    html = panes.answer("**bold**\n\n- one\n- two\n\n```python\nx = 1\n```", {})
    assert "<strong>bold</strong>" in html and html.count("<li>") == 2 and "<pre>" in html


def finished(**changes: object) -> Pane:
    values: dict[str, object] = {"text": "I don't know.", "refused": False, "abstained": False, "finish": "stop", **changes}
    made = Provenance("rag", "tiny", "style", "0123456789abcdef", "v1", "t", Decoding(), 300, 40, Timing())
    context = Context("q", "q as searched", evidence=Evidence(0.2, 0.5), index_version="v1")
    said = Answer("q", context=context, provenance=made, **values)  # type: ignore[arg-type]
    return Pane("rag", "done", said.text, context, {}, said, None, 0.5, 2.5)


def test_a_refusal_an_abstention_and_a_cut_answer_say_so_in_words() -> None:
    assert EN.refused in panes.pane(finished(refused=True), "x", EN)
    assert RU.abstained in panes.pane(finished(refused=True, abstained=True, finish="abstained"), "x", RU)
    assert EN.cut in panes.pane(finished(finish="length"), "x", EN)
    assert EN.empty in panes.pane(finished(text=""), "x", EN)
    assert EN.refused not in panes.pane(finished(), "x", EN)


def test_a_pane_says_which_weights_answered_and_how_fast() -> None:
    seen = Seen(panes.pane(finished(), "x", EN))
    for words in ("tiny", "style (0123456789ab)", "first token 0.50 s", "speed 20.0/s", "tokens 40", "total 2.5 s", "v1", "q as searched"):
        assert words in seen.words
    assert EN.evidence_weak in seen.words


def test_a_failure_is_readable_and_its_text_is_text() -> None:
    shown = Pane("icl", "failed", problem=ServerError("The server <b>died</b>.", "Start it."))
    html = panes.pane(shown, "x", EN)
    assert "&lt;b&gt;died&lt;/b&gt;" in html and "Start it." in html and EN.failed in html
    assert RU.defect in panes.pane(Pane("icl", "failed"), "x", RU)


def test_a_waiting_question_says_what_it_waits_for() -> None:
    turn = Turn("Why?", [Pane("icl"), Pane("rag")], Doing("server", seconds_left=12))
    html = panes.turn(turn, 0, RU)
    assert html.count(RU.waiting) == 2 and "осталось около 12 с" in html


def test_matched_citations_look_different_from_the_models_own() -> None:
    from rag.types import Chunk, Hit, Source

    chunk = Chunk("d", "a.md", 0, 9, "some text")
    context = Context("q", "q", tuple(Source(n, (Hit(chunk, 0.5),), "a.md", "d", 0, 9, "some text") for n in (1, 2)))
    shown = finished(text="Words [1]. More words.", citations=(Citation(1, 0, 4, "model"), Citation(2, 5, 9, "match")))
    assert shown.answer is not None
    shown.context = context
    html = panes.pane(shown, "x", EN)
    assert 'class="cite model" href="#x-s1"' in html and 'class="cite match" href="#x-s2"' in html
    assert '<mark class="model">some</mark>' in html and '<mark class="match">text</mark>' in html
