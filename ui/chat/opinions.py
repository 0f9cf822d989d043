"""Thumbs, corrections and the ballot of a turn, as HTML. Buttons say what they do in data attributes: see `DOES`."""

from __future__ import annotations

from html import escape

from ui.chat.judging import LONGEST_CORRECTION
from ui.chat.text import Text
from ui.chat.turn import BAD, LETTERS, TIE, Pane, Turn
from ui.plain import plain
from ui.votes.text import VOTES

DOES = (
    "element.addEventListener('click', (event) => { const button = event.target.closest('button[data-do]'); if (!button) return;"
    " const box = button.closest('.opinion')?.querySelector('textarea');"
    " trigger('click', { ...button.dataset, text: button.dataset.do === 'correct' && box ? box.value : '' }); });"
)
"""For the HTML component that shows turns: a button with `data-do` triggers its click event with those data."""
KEYS = {**{letter: str(number) for number, letter in enumerate(LETTERS, start=1)}, TIE: "T", BAD: "B"}


def opinion(shown: Pane, number: int, index: int, text: Text, *, name: str) -> str:
    """What the reader thinks of one finished answer."""
    if shown.busy or not shown.text.strip():
        return ""
    words, where = VOTES[text.code], f'data-turn="{number}" data-pane="{index}"'

    def thumb(do: str, label: str, pressed: bool) -> str:
        return (
            f'<button type="button" class="thumb {do}" data-do="{do}" {where} aria-pressed="{str(pressed).lower()}">'
            f'<span class="sign" aria-hidden="true"></span>{label}<span class="unseen">: {escape(name)}</span></button>'
        )

    box = f"fix-{number}-{index}"
    summary = words.corrected if shown.correction else words.correct
    return (
        f'<div class="opinion">{thumb("up", words.good_thumb, shown.thumb > 0)}{thumb("down", words.bad_thumb, shown.thumb < 0)}'
        f'<details class="fix"><summary>{summary}</summary><label for="{box}">{words.correction}</label>'
        f'<textarea id="{box}" rows="3" maxlength="{LONGEST_CORRECTION}">{escape(plain(shown.correction))}</textarea>'
        f'<button type="button" class="keep" data-do="correct" {where}>{words.save}</button></details></div>'
    )


def ballot(asked: Turn, number: int, text: Text) -> str:
    """The buttons to vote with, while the panes are unnamed; afterwards what the vote was, where it named no pane."""
    words = VOTES[text.code]
    if asked.vote in (TIE, BAD):
        return f'<p class="voted" role="status">{words.said_tie if asked.vote == TIE else words.said_bad}</p>'
    if not asked.hidden or asked.busy:
        return ""
    labels = {letter: words.better.format(letter) for letter in LETTERS} | {TIE: words.tie, BAD: words.bad}
    buttons = "".join(
        f'<button type="button" data-do="vote" data-turn="{number}" data-choice="{choice}" data-key="{KEYS[choice]}">'
        f'{labels[choice]} <kbd aria-hidden="true">{KEYS[choice]}</kbd></button>'
        for choice in asked.votes
    )
    return f'<div class="ballot" role="group" aria-label="{words.which}"><p>{words.which}</p><div>{buttons}</div></div>'
