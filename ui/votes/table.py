"""The board of votes as HTML."""

from __future__ import annotations

from html import escape

from ui.chat.text import TEXTS, Language
from ui.chat.variant import Variant
from ui.plain import one_line
from ui.votes.board import RESAMPLES, Board, Row
from ui.votes.text import VOTES, VoteText


def table(board: Board, language: Language) -> str:
    """Counts, the ranking with its intervals, and what it is worth."""
    words = VOTES[language]
    thumbs = f"<p>{words.thumbs.format(board.up, board.down, board.corrected)}</p>" if board.up or board.down or board.corrected else ""
    if not board.votes:
        return f'<div class="board" lang="{language}"><p>{words.none_yet}</p>{thumbs}</div>'
    won = board.votes - board.ties - board.bad
    counted = f"<p>{words.counted.format(board.votes, won, board.ties, board.bad)}</p>{thumbs}"
    if not board.rows:
        return f'<div class="board" lang="{language}">{counted}<p>{words.alone}</p></div>'
    several = len({row.key[2] for row in board.rows}) > 1
    rows = "".join(_row(row, words, language, model=several) for row in board.rows)
    head = f'<th scope="col">{words.place}</th><th scope="col">{words.wins}</th>'
    head += f'<th scope="col" title="{escape(words.strength_why)}">{words.strength}</th>'
    verdict = words.few.format(board.votes) if board.few else words.overlap if board.overlap else words.clear
    method = words.method.format(RESAMPLES)
    return (
        f'<div class="board" lang="{language}"><p class="verdict">{verdict}</p>{counted}'
        f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
        f'<p class="method">{escape(words.strength_why)}. {method}</p></div>'
    )


def _row(row: Row, words: VoteText, language: Language, *, model: bool) -> str:
    arm, adapter, name = row.key
    shown = Variant(arm, adapter).name(TEXTS[language])
    under = f"<small>{escape(one_line(name, 60))}</small>" if model else ""
    low, mid, high = (100 * value for value in (row.low, row.share, row.high))
    share = f"{mid:.0f} % <small>({low:.0f}–{high:.0f})</small>"
    return (
        f'<tr><th scope="row">{escape(shown)}{under}</th><td>{row.won} / {row.tied} / {row.lost}</td>'
        f'<td><span class="share">{share}</span><span class="range" aria-hidden="true">'
        f'<i style="left:{low:.1f}%;width:{max(high - low, 0.5):.1f}%"></i><b style="left:{mid:.1f}%"></b></span></td></tr>'
    )
