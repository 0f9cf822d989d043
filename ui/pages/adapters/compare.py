"""Two cards side by side: what differs, said in words and with a sign, and what is the same folded away below."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ui.pages.adapters.markup import Html, badge, code, paragraph, safe, spoken, table

if TYPE_CHECKING:
    from adapters.card import Card
    from ui.pages.adapters.text import Words

LEFT_OUT = ("version", "name", "curve", "canary", "command", "created")
"""What always differs, or is no property of how it was made."""


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Dotted key -> text, in the order of the card."""
    found: dict[str, str] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            found |= flat(value, f"{name}.")
        elif isinstance(value, list | tuple):
            found[name] = ", ".join(map(str, value))
        else:
            found[name] = f"{value:.5g}" if isinstance(value, float) else str(value)
    return found


def differences(one: Card, other: Card) -> tuple[list[tuple[str, str, str]], list[tuple[str, str]]]:
    """(key, here, there) of what differs, "" where one has it not; and (key, value) of what is the same."""
    ours, theirs = (
        flat({key: value for key, value in each.model_dump(mode="json").items() if key not in LEFT_OUT}) for each in (one, other)
    )
    keys = list(dict.fromkeys([*ours, *theirs]))
    differ = [(key, ours.get(key, ""), theirs.get(key, "")) for key in keys if ours.get(key) != theirs.get(key)]
    return differ, [(key, ours[key]) for key in keys if key in ours and ours[key] == theirs.get(key)]


def comparison(one: Card, other: Card, words: Words) -> str:
    differ, same = differences(one, other)
    title = words.compared.format(one=one.name, other=other.name)
    sign = badge("warn", "≠", words.differs)
    rows = ((code(key), mine or "–", theirs or "–", sign) for key, mine, theirs in differ)
    shown = table(words.differences.format(n=len(differ)), (words.property, code(one.name), code(other.name), words.verdict), rows)
    equal = badge("plain", "=", words.same)
    kept = table(words.equal_rows.format(n=len(same)), (words.property, words.value, words.verdict), ((code(k), v, equal) for k, v in same))
    folded = Html(f"<details><summary>{safe(words.equal_rows.format(n=len(same)))}</summary>{kept}</details>")
    head = f"<header><h3>{safe(title)}</h3></header>"
    top = shown if differ else paragraph(words.differences.format(n=0))
    return spoken(words.code, f'<article class="sheet">{head}{top}{folded}</article>')
