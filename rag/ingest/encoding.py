"""Bytes to text: the encoding is guessed, line ends become \\n, control characters and terminal colours go. Nothing else changes."""

from __future__ import annotations

import codecs
import re

from rag.ingest.files import Unreadable

BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: its mark begins with the same bytes
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
CYRILLIC = ["cp1251", "koi8_r", "cp866"]
SAMPLE = 64 * 1024
ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]")
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")
BREAKS = re.compile(r"\r\n|[\r\x0b\x0c\x85]")
LONE_SURROGATES = re.compile(r"[\ud800-\udfff]")
CONTROL_BYTES = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
WESTERN = re.compile(rb"(?:(?<=[A-Za-z])[\x80-\xff]{1,2}|(?<![\x80-\xff])[\x80-\xff]{1,2}(?=[A-Za-z]))")


def decode(data: bytes) -> tuple[str, str]:
    """The text and the name of its encoding.

    A byte order mark decides; else UTF-8 if it is valid; else UTF-16 if every other byte looks like one; else the
    8-bit or CJK encoding that charset-normalizer finds on a sample. Raises Unreadable for data that is not text.
    """
    for mark, name in BOMS:
        if data.startswith(mark):
            return clean(data[len(mark) :].decode(name, errors="replace")), name
    if b"\0" in data and (wide := _utf16(data[:SAMPLE])):
        return clean(data.decode(wide, errors="replace")), wide
    if len(CONTROL_BYTES.findall(data[:SAMPLE])) > max(len(data[:SAMPLE]) * 0.02, 1):
        raise Unreadable(f"binary data, not text{looks_like(data)}")
    try:
        return clean(data.decode("utf-8")), "utf-8"
    except UnicodeDecodeError:
        name = _eight_bit(data)
        return clean(data.decode(name, errors="replace")), name


def clean(text: str) -> str:
    """Text as it is kept: \\n ends a line, and there are no control characters, escape sequences or half characters."""
    if "\x1b" in text:
        text = ANSI.sub("", text)
    text = CONTROL.sub("", BREAKS.sub("\n", text))
    return LONE_SURROGATES.sub("\ufffd", text.removeprefix("\ufeff"))


def looks_like(data: bytes) -> str:
    """ " (looks like png)", or nothing when the first bytes are not known."""
    import filetype  # type: ignore[import-untyped]

    kind = filetype.guess(data[:8192])
    return f" (looks like {kind.extension})" if kind else ""


def _utf16(sample: bytes) -> str:
    """utf-16-le or -be without a mark: one half of the bytes is nearly constant (0 or the number of a script)."""
    sample = sample[: len(sample) // 2 * 2]
    for name, high in (("utf-16-le", sample[1::2]), ("utf-16-be", sample[0::2])):
        common = sum(sorted((high.count(byte) for byte in range(0x21)), reverse=True)[:3])
        text = sample.decode(name, errors="replace")
        strange = len(CONTROL.findall(text)) + text.count("\ufffd")
        if len(sample) >= 4 and common >= 0.9 * len(high) and strange <= 0.02 * len(text):
            return name
    return ""


def _eight_bit(data: bytes) -> str:
    """Western text has single high bytes inside ASCII words; Cyrillic text has whole words of them."""
    from charset_normalizer import from_bytes

    sample = data[:SAMPLE]
    high = sum(byte >= 0x80 for byte in sample)
    inside = sum(len(found) for found in WESTERN.findall(sample))
    if inside < 0.5 * high:
        for isolated in (CYRILLIC, []):
            best = from_bytes(sample, cp_isolation=isolated).best()
            if best is not None and not best.encoding.startswith(("utf", "ascii")):
                return best.encoding
    try:
        data.decode("cp1252")
    except UnicodeDecodeError:
        return "latin-1"
    return "cp1252"
