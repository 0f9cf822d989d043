"""Text from documents, questions and models, made safe to look at: what would act instead of being read is shown by its code."""

from __future__ import annotations

import re

BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # marks that reorder what the reader sees (Boucher and Anderson 2021)
UNSEEN = "\u200b\u2028\u2029\u2060-\u2064\ufeff\U000e0000-\U000e007f"  # no width; the joiners stay: scripts and emoji need them
CONTROL = "\x00-\x08\x0b-\x1f\x7f-\x9f"  # all but tab and newline; ESC starts a terminal's escape sequences
SURROGATE = "\ud800-\udfff"  # half a character: cannot be written as UTF-8
ACTING = re.compile(f"[{CONTROL}{BIDI}{UNSEEN}{SURROGATE}]")


def visible(text: str) -> str:
    """Control characters as their pictures (ESC is ␛), other invisible ones as ⟨U+202E⟩; newlines and tabs stay."""
    return ACTING.sub(_shown, text.replace("\r\n", "\n"))


def _shown(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)  # Unicode's control pictures
    return "␡" if code == 0x7F else f"⟨U+{code:04X}⟩"


def cut(text: str, most: int) -> str:
    """At most `most` characters; an ellipsis says that there was more."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
