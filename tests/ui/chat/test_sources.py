"""Source cards."""

from __future__ import annotations

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import InputError
from rag.types import Chunk, Citation, Context, Document, Evidence, Hit, Source
from tests.ui.stage import HOSTILE
from ui.chat.sources import AROUND, Passage, cards, highlighted, passages
from ui.chat.text import EN, RU
from ui.plain import plain


def source(document: Document, start: int, end: int, *, number: int = 1, header: str = "") -> Source:
    chunk = Chunk(document.id, document.path, start, end, document.text[start:end], header, metadata={"section": header})
    return Source(
        number, (Hit(chunk, 0.5, dense=0.8, lexical=3.0, dense_rank=1),), document.path, document.id, start, end, chunk.text, header
    )


@given(st.text(min_size=1, max_size=120), st.data())
def test_highlighting_adds_marks_and_takes_no_character_away(text: str, data: st.DataObject) -> None:
    offsets = st.integers(0, len(text))
    start, end = sorted((data.draw(offsets), data.draw(offsets)))
    document = Document("a.md", "x" * 50 + text)
    spans = [sorted((data.draw(offsets) + 40, data.draw(offsets) + 60)) for _ in range(3)]
    citations = [Citation(1, left, right, "model") for left, right in spans]
    html = highlighted(Passage(text, 50, ""), source(document, 50 + start, 50 + end), citations)
    assert re.fullmatch(r"(?:<mark class=\"model\">|</mark>|<span class=\"around\">|</span>|[^<>])*", html)
    assert unescape(re.sub(r"<[^>]+>", "", html)).replace("\n", "") in (plain(text).replace("\n", ""), text)


def test_the_cited_words_are_marked_and_what_the_model_did_not_see_is_faint() -> None:
    document = Document("a.md", "One two three four five six.")
    html = highlighted(Passage(document.text, 0, ""), source(document, 4, 23), [Citation(1, 8, 13, "model")])
    assert html == '<span class="around">One </span>two <mark class="model">three</mark> four five<span class="around"> six.</span>'


def test_a_passage_is_shown_within_its_document_and_alone_when_that_is_gone() -> None:
    text = "word " * 400
    document = Document("a.md", text, title="Words")
    context = Context("q", "q", (source(document, 1000, 1100),))
    shown = passages(context, lambda _: document)[1]
    assert shown.text == text[shown.offset : shown.offset + len(shown.text)]
    assert 1000 - AROUND <= shown.offset <= 1000 and shown.offset + len(shown.text) >= 1100

    def gone(_: str) -> Document:
        raise InputError("gone")

    assert passages(context, gone)[1].text == text[1000:1100]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_documents_are_text(text: str) -> None:
    document = Document(f"{text}.md", f"{text} {text}", title=text)
    found = source(document, 0, len(document.text), header=text)
    context = Context("q", "q", (found,), ((found.hits[0], text),), Evidence(0.9, 0.1))
    html = cards(context, passages(context, lambda _: document), [Citation(1, 2, 9, "match")], text=EN, prefix="x")
    allowed = r"section|div|h4|span|details|summary|mark|ul|li|em|p"
    assert not re.findall(rf"<(?!/?(?:{allowed})[ >])", html)
    assert not [tag for tag in re.findall(r"<[^>]*>", html) if re.search(r"\son\w+=|href|src=", tag)]


def test_a_card_says_where_it_is_from_and_why_it_was_found() -> None:
    document = Document("a.md", "Some words.", title="Title")
    context = Context("q", "q", (source(document, 0, 11, header="Title > Section"),), evidence=Evidence(0.25, 0.5))
    html = cards(context, {}, [], text=RU, prefix="x")
    for words in ("Title › Section", "a.md", "0,500", "смысл (косинус) 0,800, место 1", "слова (BM25) 3,0", RU.evidence_weak, 'id="x-s1"'):
        assert words in html


def test_nothing_found_says_so() -> None:
    assert EN.no_sources in cards(Context("q", "q"), {}, [], text=EN, prefix="x")
