"""Stop strings: however the text is cut into pieces, it ends before the first one and nothing else is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rag.generate.stop import StopFilter

SMALL = st.text("ab.", max_size=30)


@given(st.lists(st.text("ab.", max_size=4), max_size=20), st.lists(st.text("ab.", min_size=1, max_size=3), max_size=3))
def test_the_text_ends_before_the_first_stop_string_however_it_is_cut(pieces: list[str], stops: list[str]) -> None:
    text = "".join(pieces)
    found = StopFilter(stops)
    shown = "".join(found.feed(piece) for piece in pieces) + found.rest()
    ends = [at + len(stop) for stop in stops if (at := text.find(stop)) >= 0]
    if not ends:
        assert shown == text and not found.stopped
        return
    # Pieces come one after the other: whichever stop string is complete first ends the text, and it never shows.
    assert found.stopped and text.startswith(shown)
    assert not any(stop in shown for stop in stops)
    assert any(text.startswith(stop, len(shown)) for stop in stops)


@given(SMALL)
def test_without_stop_strings_nothing_is_held_back(text: str) -> None:
    found = StopFilter(())
    assert found.feed(text) == text and found.rest() == ""
