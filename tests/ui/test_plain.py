"""Text of others on our screens."""

from __future__ import annotations

import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from ui.plain import one_line, plain


@given(st.text())
@example("\x1b[31mred\x1b[0m\x9b2Jx")
@example("\x1b]8;;http://example.org\x07link\x1b]8;;\x07\x1b")
def test_nothing_is_left_that_a_terminal_obeys_or_that_turns_the_writing_direction(text: str) -> None:
    shown = plain(text)
    assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cs") and c not in "\t\n"]
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")
    assert plain(shown) == shown


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "Zs", "Sm", "M"])))
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert plain(text) == text


def test_an_escape_sequence_goes_as_a_whole() -> None:
    assert plain("a\x1b[1;31mb\x1b[0mc") == "abc"
    assert plain("\x1b]0;title\x07x\r\ny\rz") == "x\ny\nz"


@given(st.text(max_size=300), st.integers(10, 80))
def test_one_line_is_one_line_and_keeps_to_its_limit(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert "\n" not in line
    assert len(line) <= limit + 2
