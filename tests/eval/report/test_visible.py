"""Laws of visible text."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from eval.report.visible import cut, visible

REORDERING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@given(st.text(alphabet=st.characters(), max_size=60))
def test_nothing_acts_and_nothing_is_hidden_twice(text: str) -> None:
    shown = visible(text)
    shown.encode("utf-8")
    assert not [each for each in shown if unicodedata.category(each) == "Cc" and each not in "\n\t"]
    assert not [each for each in shown if unicodedata.bidirectional(each) in REORDERING]
    assert visible(shown) == shown


def test_ordinary_text_is_left_alone() -> None:
    text = "Ранг LoRA – 16;\n\tde façade, 日本語, שלום, 👩‍🚀"
    assert visible(text) == text


def test_each_invisible_character_is_named() -> None:
    assert visible("a\x1bb\x00c\x7fd\x9be\u202ef\u200bg\ufeff\r\n") == "a␛b␀c␡d⟨U+009B⟩e⟨U+202E⟩f⟨U+200B⟩g⟨U+FEFF⟩\n"


@given(st.text(max_size=40), st.integers(1, 40))
def test_cut_keeps_to_its_length_and_says_that_it_cut(text: str, most: int) -> None:
    shown = cut(text, most)
    assert len(shown) <= most and (shown == text or shown.endswith("…"))
