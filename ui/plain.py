"""Text of models and documents, made harmless to show: no terminal escapes, no control characters, no reordering of directions."""

from __future__ import annotations

import re

_HARMFUL = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC: titles, links
    r"|\x1b[PX^_][^\x1b]*(?:\x1b\\)?"  # DCS, SOS, PM, APC
    r"|[\x1b\x9b]\[?[0-?]*[ -/]*[@-~]?"  # CSI: colours, cursor; and a lone escape
    r"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"  # the other control characters, but tab, line feed and carriage return
    r"|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]"  # marks and overrides of the writing direction
    r"|[\ud800-\udfff]"  # half of a character: cannot be sent to a browser or a terminal
)


def plain(text: str) -> str:
    """The same words without anything that a terminal or a browser would obey. Line ends become a line feed."""
    return _HARMFUL.sub("", text).replace("\r\n", "\n").replace("\r", "\n")


def one_line(text: str, limit: int = 0) -> str:
    """`plain` on one line, white space collapsed; beyond `limit` characters (0 = no limit) cut at a word, with an ellipsis."""
    words = " ".join(plain(text).split())
    if not limit or len(words) <= limit:
        return words
    return (words[:limit].rsplit(" ", 1)[0] or words[:limit]).rstrip(" ,.;:") + " …"
