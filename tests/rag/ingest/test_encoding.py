"""Bytes become the text that was meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.ingest.encoding import clean, decode
from rag.ingest.files import Unreadable

RUSSIAN = "Дообучение языковой модели требует памяти. Адаптер «LoRA» меньше самой модели — и учится быстрее."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1251", "koi8_r", "cp866"])
def test_russian_comes_out_right_in_every_usual_encoding(encoding: str) -> None:
    text = RUSSIAN if encoding not in ("koi8_r", "cp866") else RUSSIAN.replace("«", '"').replace("»", '"').replace("—", "-")
    assert decode(text.encode(encoding))[0] == text


@pytest.mark.parametrize("text", ["Привет", "Цена — 100 рублей", "Глава 1"])
def test_short_russian_in_cp1251_is_not_taken_for_chinese(text: str) -> None:
    assert decode(text.encode("cp1251")) == (text, "cp1251")


@pytest.mark.parametrize(
    "text",
    [
        "Le café à côté de l'hôtel était fermé en été, déjà vu.",
        "Über die Größe der Straße müssen wir später sprechen; schön.",
        "El niño comió la piña mañana por la mañana, ¿verdad?",
        "naïve",
    ],
)
@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_western_text_in_one_byte_per_letter(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding))[0] == text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("これは日本語のテキストです。検索は質問に答えるのに役立ちます。", "shift_jis"), ("检索可以帮助回答问题，模型需要数据。", "gb18030")],
)
def test_asian_encodings_are_found(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding))[0] == text


def test_line_ends_controls_and_terminal_colours_go_and_nothing_else() -> None:
    assert clean("\ufeffa\r\nb\rc\x0cd\x00\x07\x1b[31mred\x1b[0m \x1b]0;title\x07é e\u0301") == "a\nb\nc\ndred é e\u0301"


def test_binary_data_is_refused_with_what_it_looks_like() -> None:
    with pytest.raises(Unreadable, match=r"binary data, not text \(looks like png\)"):
        decode(b"\x89PNG\r\n\x1a\n" + bytes(range(32)) * 50)


@given(st.binary(max_size=300))
def test_any_bytes_are_text_or_refused(data: bytes) -> None:
    try:
        text, _ = decode(data)
    except Unreadable:
        return
    assert text.encode("utf-8").decode() == text and "\r" not in text and "\x00" not in text


@given(st.text())
def test_utf8_text_stays_as_it_is_but_for_controls(text: str) -> None:
    assert clean(clean(text)) == clean(text)
    if text.isprintable():
        assert clean(text) == text.removeprefix("\ufeff")
