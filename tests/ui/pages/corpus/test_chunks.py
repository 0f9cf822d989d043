"""A document's text with its chunks marked on it is still the text, letter by letter."""

from __future__ import annotations

import re
from html import unescape
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.types import Chunk
from tests.ui.stage import HOSTILE
from ui.pages.corpus.chunks import part_of, parts, tinted
from ui.pages.corpus.text import WORDS
from ui.plain import plain

EN = WORDS["en"]
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Cs")) | st.sampled_from("\n\t<>&\"'"), max_size=300)


def chunk(text: str, start: int, end: int, header: str = "Title\nSection <b>") -> Chunk:
    return Chunk("d", "a.md", start, end, text[start:end], header=header, page=2)


@st.composite
def cut(draw: st.DrawFn) -> tuple[str, list[Chunk]]:
    """A text and chunks of it in order, which may overlap, leave gaps, or be the same."""
    text = draw(TEXT)
    places = st.integers(0, len(text))
    spans = sorted(tuple(sorted(pair)) for pair in draw(st.lists(st.tuples(places, places), max_size=8)))
    return text, [chunk(text, start, end) for start, end in spans if start < end]


def stripped(markup: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "", markup))


@given(cut(), st.integers(1, 60))
def test_without_its_markup_the_text_is_there(document: tuple[str, list[Chunk]], size: int) -> None:
    text, chunks = document
    spans = parts(text, chunks, size)
    assert "".join(stripped(tinted(text, chunks, EN, span=span)) for span in spans) == text


@given(cut(), st.integers(1, 60))
def test_parts_cover_the_text_and_begin_where_chunks_do(document: tuple[str, list[Chunk]], size: int) -> None:
    text, chunks = document
    spans = parts(text, chunks, size)
    assert "".join(text[start:end] for start, end in spans) == text
    starts = {each.start for each in chunks} | set(range(0, len(text), 4 * size))
    assert all(start in starts and start - before >= size for (before, _), (start, _) in pairwise(spans))
    assert all(start <= place < end for place in range(len(text)) for start, end in [spans[part_of(spans, place)]])


def test_every_chunk_has_its_number_heading_and_page_and_overlaps_show() -> None:
    text = "one two three four"
    shown = tinted(text, [chunk(text, 0, 8), chunk(text, 4, 18)], EN, span=(0, len(text)))
    assert re.findall(r'data-n="(\d)" data-head="([^"]*)"', shown) == [
        ("1", "Title › Section &lt;b&gt; · page 2"),
        ("2", "Title › Section &lt;b&gt; · page 2"),
    ]
    assert re.findall(r'<span class="([^"]*)">([^<]*)', shown) == [("c1", "one "), ("c0 both", "two "), ("c0", "three four")]


def test_the_chosen_chunk_stands_out() -> None:
    text = "one two three four"
    shown = tinted(text, [chunk(text, 0, 8), chunk(text, 8, 18)], EN, span=(0, len(text)), chosen=8)
    assert re.findall(r'class="c0 chosen">([^<]*)', shown) == ["three four"]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_a_document_says_is_text(hostile: str) -> None:
    shown = tinted(hostile, [chunk(hostile, 3, len(hostile), header=hostile)], EN, span=(0, len(hostile)))
    assert set(re.findall(r"</?(\w+)", shown)) <= {"b", "span"}
    assert stripped(shown) == plain(hostile[:3]) + plain(hostile[3:])
    assert not set(shown) & set("\x1b\u202e\u2066")


def test_an_empty_document_is_one_empty_part() -> None:
    assert parts("", []) == [(0, 0)] and tinted("", [], EN, span=(0, 0)) == ""
