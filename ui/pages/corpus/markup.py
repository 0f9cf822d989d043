"""Pieces of HTML of the corpus page; every text goes through `safe` exactly once, where it is put in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from ui.plain import one_line, plain

PICK = """
let last = "";
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-pick]");
  if (!button || button.disabled) return;
  if (button.dataset.sure && !confirm(button.dataset.sure)) return;
  last = button.dataset.key || button.dataset.pick;
  trigger("click", {pick: button.dataset.pick});
});
watch("value", () => {
  const found = last && document.activeElement === document.body
    && [...element.querySelectorAll("button[data-pick]")].find((each) => (each.dataset.key || each.dataset.pick) === last);
  if (found) found.focus({preventScroll: true});
});
"""
"""Our buttons in HTML tell the server what was picked; after a new picture the focus goes back to the same button."""


def safe(value: object) -> str:
    """Text of anybody's, fit to stand in HTML or in an attribute in double quotes."""
    return escape(plain(str(value)))


def line(value: object, limit: int = 160) -> str:
    return escape(one_line(str(value), limit))


def button(words: str, pick: str, *, key: str = "", sure: str = "", kind: str = "small", pressed: bool | None = None) -> str:
    """A button that tells `pick` to the server; `sure`: what is asked before."""
    more = f' data-key="{safe(key)}"' if key else ""
    more += f' data-sure="{safe(sure)}"' if sure else ""
    more += "" if pressed is None else f' aria-pressed="{"true" if pressed else "false"}"'
    return f'<button type="button" class="{kind}" data-pick="{safe(pick)}"{more}>{line(words)}</button>'


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], *, kind: str = "") -> str:
    """`rows` are HTML already, the first cell names the row; on a phone each row becomes a card with the heads as its labels."""
    top = "".join(f'<th scope="col">{safe(each)}</th>' for each in head)
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>'
        + "".join(f'<td data-head="{safe(name)}">{cell}</td>' for name, cell in zip(head[1:], row[1:], strict=True))
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll {kind}" tabindex="0" role="region" aria-label="{safe(caption)}"><table><caption class="unseen">{safe(caption)}'
        f"</caption><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def section(title: str, *parts: str) -> str:
    return f"<section><h3>{safe(title)}</h3>{''.join(parts)}</section>"


def note(words: str, kind: str = "plain") -> str:
    """A line on what just happened; kinds: plain, good, bad."""
    icon = {"good": "✓", "bad": "!"}.get(kind, "i")
    return f'<p class="said {kind}"><span class="icon" aria-hidden="true">{icon}</span><span>{safe(words)}</span></p>' if words else ""
